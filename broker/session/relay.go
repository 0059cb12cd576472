package session

import (
	"sync"

	"github.com/fletchmq/fletch/packets"
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
	// Publish is what Packet says, in Version. It has no Topic Alias and no Message
	// Expiry Interval.
	Publish packets.Publish
	Packet  []byte // good until the end of the turn
	Version packets.Version

	other []byte // the packet as those of 5.0 get it if Version is not, or the other way round
}

// in is the packet in version v, in memory of t.
func (x *Onward) in(v packets.Version, t *Turn) []byte {
	if (v == packets.V5) == (x.Version == packets.V5) {
		return x.Packet
	}
	if x.other == nil {
		n := len(t.encoded)
		t.encoded = append(x.Publish.AppendHead(t.encoded, v), x.Publish.Payload...)
		x.other = t.encoded[n:]
	}
	return x.other
}

// Begin makes x another message.
func (x *Onward) Begin(packet []byte, v packets.Version) {
	x.Packet, x.Version, x.other = packet, v, nil
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
	packet := x.in(o.line.peer.Version, t)
	r := o.line.relayIn(t, len(packet))
	if r == nil {
		return false
	}
	r.add(packet)
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
	n := len(r.made)
	r.made = m.appendAs(r.made, &d)
	r.add(r.made[n:])
	return true
}

// idle reports whether there is a peer that gets at once what it is sent, with no
// message before it.
func (o *Outbox) idle() bool {
	l := o.line
	return l != nil && l.direct && !l.closed && l.aliases == nil && !o.ended &&
		o.queue.len() == 0 && o.replays == nil && (o.vault == nil || o.vault.waiting.len() == 0)
}

// relayIn is where to put a packet of that size that the line sends at the end of t, nil
// if there is no room, or the peer does not take it, or the line is due in another turn
// or being written.
func (l *Line) relayIn(t *Turn, size int) *relay {
	if l.touch(t); l.turn != t || !l.peer.takes(size) {
		return nil
	}
	switch {
	case l.relay == nil:
		l.relay = relays.Get().(*relay)
	case l.relay.size+size > relayBytes:
		return nil
	}
	return l.relay
}

func (r *relay) add(packet []byte) {
	r.size += len(packet)
	r.messages++
	if n := len(r.parts); n > 0 && follows(r.parts[n-1], packet) {
		last := &r.parts[n-1]
		*last = (*last)[:len(*last)+len(packet)]
		return
	}
	r.parts = append(r.parts, packet)
}

// follows reports whether b stands right behind a, in the same memory.
func follows(a, b []byte) bool {
	n := len(a)
	return n < cap(a) && &a[:n+1][n] == &b[0]
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
