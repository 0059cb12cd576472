package journal

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// Session is what is stored of one, beside what has records of its own.
type Session struct {
	Number   uint64
	ClientID string
	Expiry   uint32    // Session Expiry Interval in seconds
	Left     time.Time // when the client has gone, zero while it is there
	Sent     uint64    // the last message whose delivery counts as begun, or Connected
	Unsure   uint64    // up to this message others may have been sent as well
	Will     *Will     // nil if there is none
}

// Connected is Session.Sent while the client is there: any message may have been sent,
// whatever Unsure is.
const Connected = math.MaxUint64

// Will is one that has not been published yet.
type Will struct {
	Message Message
	Delay   uint32 // seconds after the client has gone
}

// Session puts in s, with will as its will unless that is nil.
func (g *Group) Session(s *Session, will *packets.Publish, delay uint32) {
	v := binary.AppendUvarint(g.value[:0], uint64(s.Expiry))
	v = appendText(v, s.ClientID)
	v = appendTime(v, s.Left)
	v = binary.AppendUvarint(v, s.Sent)
	v = binary.AppendUvarint(v, s.Unsure)
	if will != nil {
		v = binary.AppendUvarint(v, uint64(delay))
		v = appendMessage(v, will, s.ClientID, time.Time{})
	}
	g.value = v
	g.Set(key(nil, kindSession, s.Number), v)
}

func parseSession(number uint64, value []byte) (s Session, ok bool) {
	r := reader{rest: value}
	s.Number = number
	s.Expiry = uint32(min(r.uint(), math.MaxUint32))
	s.ClientID = r.text()
	s.Left = r.time()
	s.Sent = r.uint()
	s.Unsure = r.uint()
	if len(r.rest) > 0 {
		s.Will = &Will{Delay: uint32(min(r.uint(), math.MaxUint32))}
		if s.Will.Message, ok = parseMessage(r.rest); !ok {
			return s, false
		}
	}
	return s, !r.bad
}

// EndSession takes out a session, but for its subscriptions and what it waits for.
func (g *Group) EndSession(number uint64) { g.Delete(key(nil, kindSession, number)) }

// Subscription is one that a session has.
type Subscription struct {
	Filter            string
	QoS               packets.QoS
	NoLocal           bool
	RetainAsPublished bool
	Identifiers       []uint32
}

const (
	optionNoLocal           = 1 << 2
	optionRetainAsPublished = 1 << 3
)

// Subscribe puts in a subscription, in the place of another to the same filter.
func (g *Group) Subscribe(session uint64, s *Subscription) {
	flags := byte(s.QoS)
	if s.NoLocal {
		flags |= optionNoLocal
	}
	if s.RetainAsPublished {
		flags |= optionRetainAsPublished
	}
	g.value = appendIdentifiers(append(g.value[:0], flags), s.Identifiers)
	g.Set(append(key(nil, kindSubscription, session), s.Filter...), g.value)
}

func parseSubscription(filter, value []byte) (s Subscription, ok bool) {
	r := reader{rest: value}
	flags, qos := r.flags()
	s.Filter, s.QoS = string(filter), qos
	s.NoLocal, s.RetainAsPublished = flags&optionNoLocal != 0, flags&optionRetainAsPublished != 0
	s.Identifiers = r.identifiers()
	return s, !r.bad
}

// Unsubscribe takes out a subscription.
func (g *Group) Unsubscribe(session uint64, filter string) {
	g.Delete(append(key(nil, kindSubscription, session), filter...))
}

// Replay is retained messages that a session is still to get.
type Replay struct {
	Filter      string
	QoS         packets.QoS
	Identifiers []uint32
	After       string // topic name behind which to go on
}

// Replay puts in r, in the place of another for the same filter.
func (g *Group) Replay(session uint64, r *Replay) {
	g.value = appendText(appendIdentifiers(append(g.value[:0], byte(r.QoS)), r.Identifiers), r.After)
	g.Set(append(key(nil, kindReplay, session), r.Filter...), g.value)
}

func parseReplay(filter, value []byte) (x Replay, ok bool) {
	r := reader{rest: value}
	x.Filter = string(filter)
	_, x.QoS = r.flags()
	x.Identifiers = r.identifiers()
	x.After = r.text()
	return x, !r.bad
}

// EndReplay takes it out.
func (g *Group) EndReplay(session uint64, filter string) {
	g.Delete(append(key(nil, kindReplay, session), filter...))
}

// Hold puts in a QoS 2 identifier that the client of a session has used.
func (g *Group) Hold(session uint64, id uint16) {
	var k [11]byte
	g.Set(identifierKey(k[:0], kindHeld, session, id), nil)
}

// Unhold takes it out, if it is there: what is refused is not held here, and a client
// may release it all the same.
func (g *Group) Unhold(session uint64, id uint16) {
	var k [11]byte
	g.Delete(identifierKey(k[:0], kindHeld, session, id))
}

// Release puts in an exchange with the client of a session that waits for PUBCOMP.
// Those that come first have less in order.
func (g *Group) Release(session uint64, id uint16, order uint64) {
	var k [11]byte
	g.value = binary.AppendUvarint(g.value[:0], order)
	g.Put(identifierKey(k[:0], kindExchange, session, id), g.value)
}

// Complete takes it out.
func (g *Group) Complete(session uint64, id uint16) {
	var k [11]byte
	g.Remove(identifierKey(k[:0], kindExchange, session, id))
}
