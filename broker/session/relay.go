package session

import (
	"sync"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
	"github.com/fletchmq/fletch/packets/wire"
)

// relay is PUBLISH packets that go to a peer at the end of a turn. Those that go as
// they came from others stand in memory of the turn: what is left of them then has to be
// copied.
type relay struct {
	parts    [][]byte // whole packets, one behind the other
	size     int      // bytes in parts
	messages int
	made     []byte // packets that did not come as they go
}

// keepMade is how much of that is kept for another relay, in bytes.
const keepMade = 64 << 10

// relayBytes is how many bytes are relayed to one peer in a turn, more or less.
const relayBytes = 256 << 10

var relays = sync.Pool{New: func() any { return new(relay) }}

// Onward is a PUBLISH at QoS 0 that goes on as it came: where nothing about it has to
// be remembered, its bytes are those that its receivers get.
type Onward struct {
	// Publish is what the packet says, in Version. It has no Topic Alias and no Message
	// Expiry Interval.
	Publish packets.Publish
	Version packets.Version

	Packet []byte       // all of it, good until the end of the turn; nil if it has still to be copied
	Body   []byte       // without its fixed header
	Frame  *frame.Frame // has Body, nil if that is copied where it has to last

	other []byte // the packet as those of 5.0 get it if Version is not, or the other way round
}

// Begin makes x the message that Publish is.
func (x *Onward) Begin(packet, body []byte, f *frame.Frame, v packets.Version) {
	x.Packet, x.Body, x.Frame, x.Version, x.other = packet, body, f, v, nil
}

// in is the packet in version v, in one or two pieces that are good until the end of t.
func (x *Onward) in(v packets.Version, t *Turn) (packet, rest []byte) {
	n := len(t.encoded)
	switch {
	case (v == packets.V5) != (x.Version == packets.V5):
		if x.other == nil {
			t.encoded = append(x.Publish.AppendHead(t.encoded, v), x.Publish.Payload...)
			x.other = t.encoded[n:]
		}
		return x.other, nil
	case x.Packet == nil:
		const plain = byte(packets.TypePublish) << 4
		t.encoded = wire.AppendVarInt(append(t.encoded, plain), uint32(len(x.Body)))
		if x.Frame == nil {
			t.encoded = append(t.encoded, x.Body...)
		} else {
			t.keep(x.Frame)
		}
		x.Packet = t.encoded[n:]
	}
	if x.Frame != nil {
		rest = x.Body
	}
	return x.Packet, rest
}

// keep lets f stay until the end of the turn.
func (t *Turn) keep(f *frame.Frame) {
	f.Retain()
	t.frames = append(t.frames, f)
}

// Relay sends x as it is, at the end of the turn: it is neither counted nor kept as a
// message. That is for a peer to which nothing else is on its way, so that nothing is
// overtaken and nobody else sends. It is false where it cannot be, and the message has
// to be pushed.
//
// Packets that stand behind one another in memory are sent as one.
func (o *Outbox) Relay(x *Onward, t *Turn) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.idle() {
		return false
	}
	packet, rest := x.in(o.line.peer.Version, t)
	r := o.line.relayIn(t, len(packet)+len(rest))
	switch {
	case r == nil:
		return false
	case o.line.turn != t:
		packet, rest = r.make(packet), r.make(rest)
	}
	r.add(packet)
	r.append(rest)
	return true
}

// sendAtOnce sends m at the end of the turn without a place in the queue, if it can: as
// Relay, but that a message at QoS 1 or 2 is kept until it is acknowledged.
func (o *Outbox) sendAtOnce(m *Message, terms *Terms, cost int, t *Turn) bool {
	if !o.idle() || o.vault != nil || terms.Identifiers != nil || !m.fits(o.line.peer.Version, terms.QoS) {
		return false
	}
	e := entry{message: m, cost: cost, Terms: *terms}
	r := o.line.relayIn(t, len(m.packet))
	if r == nil || !o.sendable(&e) {
		return false
	}
	d := Delivery{Message: m, Terms: *terms}
	if terms.QoS > 0 {
		m.charge(o.budget, t)
		d.PacketID = uint16(o.begin(e))
	}
	packet := r.make(m.packet)
	m.address(packet, &d)
	r.add(packet)
	return true
}

// idle reports whether there is a peer that gets at once what it is sent, with no
// message before it.
func (o *Outbox) idle() bool {
	l := o.line
	return l != nil && l.direct && !l.closed() && l.aliases == nil && !o.ended &&
		o.queue.len() == 0 && o.replays == nil && (o.vault == nil || o.vault.waiting.len() == 0)
}

// relayIn is where to put a packet of that size that the line sends at the end of t, or
// of the turn in which it is due already. It is nil if there is no room, or the peer does
// not take it, or the line is being written.
func (l *Line) relayIn(t *Turn, size int) *relay {
	l.touch(t)
	switch {
	case l.turn == taken, !l.peer.takes(size):
		return nil
	case l.relay == nil:
		l.relay = relays.Get().(*relay)
	case l.relay.size+size > relayBytes:
		return nil
	}
	return l.relay
}

// make is a copy of a packet in memory of r.
func (r *relay) make(packet []byte) []byte {
	n := len(r.made)
	r.made = append(r.made, packet...)
	return r.made[n:]
}

func (r *relay) add(packet []byte) {
	r.messages++
	r.append(packet)
}

// append puts bytes behind what there is.
func (r *relay) append(b []byte) {
	r.size += len(b)
	if n := len(r.parts); n > 0 && follows(r.parts[n-1], b) {
		last := &r.parts[n-1]
		*last = (*last)[:len(*last)+len(b)]
		return
	}
	if len(b) > 0 {
		r.parts = append(r.parts, b)
	}
}

// Charge counts n bytes of packets that the owner has copied because they wait for the
// peer, or are done with.
func (l *Line) Charge(n int) { l.out.budget.add(l.out.at, n) }

// follows reports whether b stands right behind a, in the same memory.
func follows(a, b []byte) bool {
	n := len(a)
	return n < cap(a) && len(b) > 0 && &a[:n+1][n] == &b[0]
}

// release forgets the packets.
func (r *relay) release() {
	clear(r.parts)
	*r = relay{parts: r.parts[:0], made: r.made[:0]}
	if cap(r.made) > keepMade {
		r.made = nil
	}
	relays.Put(r)
}
