package session

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
	"github.com/fletchmq/fletch/packets/wire"
)

// Message is an application message, held once for all who receive it. It is
// counted: who made it has the first reference, Retain adds one, Release gives
// one up. Nobody changes it once somebody else can see it.
type Message struct {
	// What is looked at for each receiver comes first, in one cache line.
	refs    atomic.Int32
	size    int32           // bytes of the PUBLISH, more or less
	at      uint8           // of budget
	head    uint8           // length of the fixed header of packet
	version packets.Version // of packet
	limited bool            // it expires
	packet  []byte          // all of the PUBLISH in version, nil if there is none in one piece
	frame   *frame.Frame    // nil if it is of a Retained
	budget  *Budget         // where it counts, nil before it is queued

	// Publish is the PUBLISH it came in; its slices are good until the caller
	// releases its reference. Identifier and DUP mean nothing to receivers.
	Publish packets.Publish

	// From is the client identifier of who has published it.
	From string

	expires time.Time
	topic   []byte // memory for SetTopic
}

var messages = sync.Pool{New: func() any { return new(Message) }}

// newMessage is a message in f, whose last bytes are body.
func newMessage(f *frame.Frame, body int, v packets.Version) *Message {
	b := f.Bytes()
	m := messages.Get().(*Message)
	m.frame, m.From, m.limited = f, "", false
	m.size, m.head, m.version, m.packet = int32(len(b)), uint8(len(b)-body), v, nil
	if m.head > 0 {
		m.packet = b
	}
	m.refs.Store(1)
	return m
}

// Copy makes a message of a PUBLISH with this first byte, and copies its body. The
// error is a [*packets.BrokenError].
func Copy(first byte, body []byte, v packets.Version) (*Message, error) {
	f := frame.New(1 + wire.SizeVarInt(uint32(len(body))) + len(body))
	head := wire.AppendVarInt(append(f.Bytes()[:0], first), uint32(len(body)))
	copy(f.Bytes()[len(head):], body)
	return decode(f, first, f.Bytes()[len(head):], v)
}

// Decode is Copy for a body that is f, without copying. It takes over the caller's
// reference.
func Decode(f *frame.Frame, first byte, v packets.Version) (*Message, error) {
	return decode(f, first, f.Bytes(), v)
}

func decode(f *frame.Frame, first byte, body []byte, v packets.Version) (*Message, error) {
	m := newMessage(f, len(body), v)
	if err := m.Publish.DecodeFrom(packets.Client, first, body, v); err != nil {
		m.Publish = packets.Publish{} // with memory for Subscription Identifiers, which receivers would share
		m.Release()
		return nil, err
	}
	if m.Publish.Props.Has().Has(packets.PropMessageExpiryInterval) {
		m.Received(time.Now())
	}
	return m, nil
}

// NewMessage makes a message with a copy of p, which is valid in version 5.0. It
// does not expire before Received is called.
func NewMessage(p *packets.Publish) *Message {
	bare := *p
	bare.QoS, bare.Dup, bare.PacketID = 0, false, 0
	size := bare.Size(packets.V5)
	f := frame.New(1 + wire.SizeVarInt(uint32(size)) + size)
	whole := bare.AppendTo(f.Bytes()[:0], packets.V5)
	m := newMessage(f, size, packets.V5)
	if err := m.Publish.Decode(whole[0], whole[len(whole)-size:], packets.V5); err != nil {
		panic("session: message is not valid: " + err.Error())
	}
	m.Publish.QoS = p.QoS
	return m
}

// SetTopic puts a copy of topic in the place of a Topic Alias. It comes before
// anyone else can see m.
func (m *Message) SetTopic(topic []byte) {
	m.packet = nil // it has the alias
	m.topic = append(m.topic[:0], topic...)
	m.Publish.Topic = m.topic
	m.Publish.Props.Unset(packets.PropTopicAlias)
}

// Received says when the broker took over m: its Message Expiry Interval is
// counted from there.
func (m *Message) Received(now time.Time) {
	if seconds, limited := m.Publish.Props.MessageExpiryInterval(); limited {
		m.expireAt(now.Add(time.Duration(seconds) * time.Second))
	}
}

// expireAt is never if at is zero.
func (m *Message) expireAt(at time.Time) { m.limited, m.expires = !at.IsZero(), at }

// Expires reports whether m does so at all.
func (m *Message) Expires() bool { return m.limited }

// ExpiresAt is when, or zero if never.
func (m *Message) ExpiresAt() time.Time {
	if !m.limited {
		return time.Time{}
	}
	return m.expires
}

// Left is how many seconds m has left, rounded up, 0 if it has expired. It is
// for a message that expires.
func (m *Message) Left(now time.Time) uint32 {
	left := m.expires.Sub(now)
	if left <= 0 {
		return 0
	}
	return uint32((left + time.Second - 1) / time.Second)
}

// Retain adds a reference. Only who has one may add one, or who knows that
// another is not given up meanwhile.
func (m *Message) Retain() { m.refs.Add(1) }

// Release gives up a reference. It panics when there is none left.
func (m *Message) Release() {
	switch n := m.refs.Add(-1); {
	case n < 0:
		panic("session: Release without a reference")
	case n == 0:
		if m.budget != nil {
			m.budget.add(m.at, -m.memory())
			m.budget = nil
		}
		if m.frame != nil {
			m.frame.Release()
			m.frame = nil
		}
		messages.Put(m)
	}
}

// overhead is what a queued message costs beside its bytes, more or less.
const overhead = 128

// Cost is what m counts where it is kept, in bytes.
func (m *Message) Cost() int { return overhead + int(m.size) }

// Size is how many bytes the PUBLISH of m has, more or less.
func (m *Message) Size() int { return int(m.size) }

// memory is what m takes once, in bytes.
func (m *Message) memory() int { return messageMemory + int(m.size) }

// charge counts m, once. Only who publishes m queues it first.
func (m *Message) charge(b *Budget, t *Turn) {
	if m.budget == nil {
		t.charge(b, m.memory())
		m.budget, m.at = b, t.at
	}
}

// fits reports whether the packet of m, but for flags and identifier, is what a
// receiver of version v gets at that QoS.
func (m *Message) fits(v packets.Version, qos packets.QoS) bool {
	return m.packet != nil && (v == packets.V5) == (m.version == packets.V5) && !m.Expires() &&
		(qos > 0) == (m.packet[0]&(3<<1) != 0)
}

// appendAs appends the packet, which fits, with flags and identifier.
func (m *Message) appendAs(b []byte, d *Delivery) []byte {
	n := len(b)
	b = append(b, m.packet...)
	m.address(b[n:], d)
	return b
}

// address puts flags and identifier into a copy of the packet.
func (m *Message) address(packet []byte, d *Delivery) {
	packet[0] = byte(packets.TypePublish)<<4 | bit(d.Dup)<<3 | byte(d.QoS)<<1 | bit(d.Retain)
	if d.QoS > 0 {
		const topicLength = 2
		id := int(m.head) + topicLength + int(binary.BigEndian.Uint16(packet[m.head:]))
		binary.BigEndian.PutUint16(packet[id:], d.PacketID)
	}
}

func bit(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// aliasSize is how many bytes a Topic Alias has in the properties.
const aliasSize = 3

// packetSize is the size of the PUBLISH in bytes that brings m to a receiver of
// version v, with more bytes of properties in 5.0. How long it is left to live
// makes no difference.
func (m *Message) packetSize(v packets.Version, t Terms, more int) int {
	n := m.Publish.Size(v)
	const packetID = 2
	if m.Publish.QoS > 0 {
		n -= packetID
	}
	if t.QoS > 0 {
		n += packetID
	}
	for _, id := range t.Identifiers {
		more += 1 + wire.SizeVarInt(id)
	}
	if v == packets.V5 && more > 0 {
		props := m.propertyLength()
		n += more + wire.SizeVarInt(uint32(props+more)) - wire.SizeVarInt(uint32(props))
	}
	return 1 + wire.SizeVarInt(uint32(n)) + n
}

// propertyLength is section 2.2.2.1: the bytes of properties without those that
// say how many there are.
func (m *Message) propertyLength() int {
	block := m.Publish.Size(packets.V5) - m.Publish.Size(packets.V311)
	n := block - 1
	for n+wire.SizeVarInt(uint32(n)) > block {
		n--
	}
	return n
}
