package session

import (
	"sync/atomic"

	"github.com/valyala/bytebufferpool"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
	"github.com/fletchmq/fletch/packets/wire"
)

// Peer is what the CONNECT of a connection says about what it can take.
type Peer struct {
	Version           packets.Version
	MaximumPacketSize uint32 // bytes, 0 if any
	ReceiveMaximum    uint16
	TopicAliasMaximum uint16
}

// Fits reports whether the peer accepts p [MQTT-3.1.2-24].
func (p *Peer) Fits(x packets.Packet) bool {
	b := p.bounds()
	return b.Fits(x)
}

// bounds is what a Line keeps of its Peer.
type bounds struct {
	MaximumPacketSize uint32
	ReceiveMaximum    uint16 // messages at QoS 1 and 2 that may be under way
	Version           packets.Version
}

func (p *Peer) bounds() bounds { return bounds{p.MaximumPacketSize, p.ReceiveMaximum, p.Version} }

// takes reports whether the peer accepts a packet of that size in bytes.
func (p *bounds) takes(size int) bool {
	return p.MaximumPacketSize == 0 || size <= int(p.MaximumPacketSize)
}

// Fits is that of Peer.
func (p *bounds) Fits(x packets.Packet) bool {
	n := x.Size(p.Version)
	return p.takes(1 + wire.SizeVarInt(uint32(n)) + n)
}

// Line is the way from an Outbox to one connection, and its control packets. Its
// lock is that of the Outbox. The connection's reader puts in control packets,
// its owner takes batches out. It has no memory of its own while it is idle.
type Line struct {
	out     *Outbox
	owner   Owner
	aliases *flow.AliasOut             // nil if the peer allows none
	control *bytebufferpool.ByteBuffer // packets that have no queue, nil if none
	final   *bytebufferpool.ByteBuffer // last of all
	turn    *Turn                      // in which it is due, or taken if somebody takes; nil if nobody owes it a Flush
	relay   *relay                     // to be sent in that turn, before messages; nil if none
	peer    bounds
	full    atomic.Bool // control has more than controlLimit; under the lock to change it
	direct  bool        // the owner sends at the end of the turn, not later
	crowded bool        // as the owner has been told
	waits   bool        // the owner does, as far as anybody knows, for others to have room
	stage   stage
}

// taken is where a Line is that somebody sends.
var taken = new(Turn)

// stage is how far a Line is.
type stage uint8

const (
	opened  stage = iota
	hurried       // nobody waits any more
	closed        // nor is anything put in
)

func (l *Line) closed() bool { return l.stage == closed }

// controlLimit is how many bytes of control packets may wait before the reader,
// whose packets they answer, should.
const controlLimit = 32 << 10

// Attach begins a connection: what is sent is connack, then PUBREL for what
// waits for PUBCOMP, then with DUP what is not acknowledged, and then what waits
// [MQTT-4.4.0-1] [MQTT3-4.4.0-1]. It is nil if connack does not fit the peer; a
// nil connack is none. The line before, if there was one, is closed.
func (o *Outbox) Attach(p Peer, connack packets.Packet, owner Owner, t *Turn) *Line {
	l := &Line{out: o, owner: owner, peer: p.bounds()}
	if d, ok := owner.(Direct); ok {
		l.direct = d.Direct()
	}
	if p.Version == packets.V5 && p.TopicAliasMaximum > 0 {
		l.aliases = new(flow.AliasOut)
		l.aliases.Reset(p.TopicAliasMaximum) // [MQTT-3.1.2-26] [MQTT-3.1.2-27]
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	withheld := o.withheld
	o.withheld = false
	switch {
	case connack == nil:
	case !p.Fits(connack):
		return nil
	default:
		l.append(connack)
	}
	if most := o.budget.limits.InFlight; most > 0 {
		l.peer.ReceiveMaximum = min(p.ReceiveMaximum, most)
	}
	o.sender.Resume(l.peer.ReceiveMaximum)
	if !withheld {
		for id := range o.sender.Releases() {
			l.append(&packets.Pubrel{PacketID: uint16(id)})
		}
	}
	o.line, o.expected = l, false
	l.touch(t)
	return l
}

// Withhold gives the identifiers of what waits for PUBCOMP, in their order, and lets
// the caller send PUBREL for them on the next line: it is not known whether PUBREC has
// been stored.
func (o *Outbox) Withhold() (all []uint16) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.withheld = true
	for id := range o.sender.Releases() {
		all = append(all, uint16(id))
	}
	return all
}

// append adds a control packet.
func (l *Line) append(p packets.Packet) {
	if l.control == nil {
		l.control = bytebufferpool.Get()
	}
	l.control.B = p.AppendTo(l.control.B, l.peer.Version)
	if len(l.control.B) > controlLimit {
		l.full.Store(true)
	}
}

// touch lets the owner know, at the end of the turn, that there is something to
// send.
func (l *Line) touch(t *Turn) {
	if l.turn == nil {
		l.turn = t
		t.due = append(t.due, l)
	}
}

// Control queues a packet other than PUBLISH, before all messages. It is false if
// the peer does not accept a packet of that size.
func (l *Line) Control(p packets.Packet, t *Turn) bool {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	return l.put(p, t)
}

func (l *Line) put(p packets.Packet, t *Turn) bool {
	if !l.peer.Fits(p) {
		return false
	}
	if !l.closed() {
		l.append(p)
		l.touch(t)
	}
	return true
}

// Control is that of the line, and nothing while none is attached.
func (o *Outbox) Control(p packets.Packet, t *Turn) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.line == nil || o.line.put(p, t)
}

// Crowded reports whether the peer does not take the answers that it has asked
// for. Then no more of its packets should be read until the owner is Relieved.
func (l *Line) Crowded() bool {
	if !l.full.Load() {
		return false
	}
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	l.crowded = l.stage == opened && l.full.Load()
	return l.crowded
}

func (l *Line) relieve() {
	if l.crowded {
		l.crowded = false
		l.owner.Relieved()
	}
}

// Hurry ends all waiting for the line for good.
func (l *Line) Hurry() {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	l.stage = max(l.stage, hurried)
	l.relieve()
}

// Close lets the owner end the line when it has sent the control packets, with
// flush also those messages that need not wait for the peer, and behind all that
// final. Without flush the messages stay in the Outbox.
func (l *Line) Close(final packets.Packet, flush bool, t *Turn) {
	o := l.out
	o.mu.Lock()
	defer o.unlockIn(t)
	if !l.closed() {
		l.stage = closed
		if final != nil && l.peer.Fits(final) {
			l.final = bytebufferpool.Get()
			l.final.B = final.AppendTo(l.final.B, l.peer.Version)
		}
		l.touch(t)
		l.relieve()
	}
	if o.line == l && !flush {
		o.detach()
	}
}

// Abandon is for an owner that cannot send any more. What has been taken is as
// good as sent; the rest stays in the Outbox.
func (l *Line) Abandon() {
	o := l.out
	o.mu.Lock()
	defer o.unlock()
	l.stage = closed
	l.relieve()
	if o.line == l {
		o.detach()
	}
}
