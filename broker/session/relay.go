package session

import (
	"sync"

	"github.com/fletchmq/fletch/packets"
)

// relay is PUBLISH packets that go to a peer as they came from others, in a turn. They
// stand in memory of the turn: what is left of them at its end has to be copied.
type relay struct {
	parts    [][]byte // whole packets, one behind the other
	size     int      // bytes in parts
	messages int
}

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
	l := o.line
	if l == nil || !l.direct || l.closed() || l.aliases != nil || o.ended || !o.empty() {
		return false
	}
	packet := x.in(l.peer.Version, t)
	if !l.peer.takes(len(packet)) {
		return false
	}
	if l.touch(t); l.turn != t {
		return false // it is due in another turn, or being written
	}
	if l.relay == nil {
		l.relay = relays.Get().(*relay)
	}
	return l.relay.add(packet)
}

// empty reports whether no message waits.
func (o *Outbox) empty() bool {
	return o.queue.len() == 0 && o.replays == nil && (o.vault == nil || o.vault.waiting.len() == 0)
}

// add is false when there is as much as a batch should have.
func (r *relay) add(packet []byte) bool {
	if r.size > 0 && r.size+len(packet) > relayBytes {
		return false
	}
	r.size += len(packet)
	r.messages++
	if n := len(r.parts); n > 0 && follows(r.parts[n-1], packet) {
		last := &r.parts[n-1]
		*last = (*last)[:len(*last)+len(packet)]
		return true
	}
	r.parts = append(r.parts, packet)
	return true
}

// follows reports whether b stands right behind a, in the same memory.
func follows(a, b []byte) bool {
	n := len(a)
	return n < cap(a) && &a[:n+1][n] == &b[0]
}

// release forgets the packets.
func (r *relay) release() {
	clear(r.parts)
	*r = relay{parts: r.parts[:0]}
	relays.Put(r)
}
