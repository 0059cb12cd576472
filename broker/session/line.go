package session

import (
	"sync"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/wire"
)

// Peer is what the CONNECT of a connection says about what it can take.
type Peer struct {
	Version           packets.Version
	MaximumPacketSize uint32 // bytes, 0 if any
	ReceiveMaximum    uint16
	TopicAliasMaximum uint16
}

// takes reports whether the peer accepts a packet of that size in bytes.
func (p *Peer) takes(size int) bool {
	return p.MaximumPacketSize == 0 || size <= int(p.MaximumPacketSize)
}

// Fits reports whether the peer accepts p [MQTT-3.1.2-24].
func (p *Peer) Fits(x packets.Packet) bool {
	n := x.Size(p.Version)
	return p.takes(1 + wire.SizeVarInt(uint32(n)) + n)
}

// Line is the way from an Outbox to one connection, and its control packets. Its
// lock is that of the Outbox. The connection's reader puts in control packets,
// its writer takes batches out.
type Line struct {
	out     *Outbox
	peer    Peer
	work    sync.Cond // the writer waits for something to send
	room    sync.Cond // the reader waits for control packets to leave
	control []byte    // packets that have no queue
	final   []byte    // last of all
	hurry   bool      // the reader waits no more
	closed  bool
}

// controlLimit is how many bytes of control packets may wait before the reader,
// whose packets they answer, does.
const controlLimit = 32 << 10

// Attach begins a connection: what is sent is connack, then PUBREL for what
// waits for PUBCOMP, then with DUP what is not acknowledged, and then what waits
// [MQTT-4.4.0-1] [MQTT3-4.4.0-1]. It is nil if connack does not fit the peer. The
// line before, if there was one, is closed.
func (o *Outbox) Attach(p Peer, connack packets.Packet) *Line {
	if !p.Fits(connack) {
		return nil
	}
	l := &Line{out: o, peer: p}
	l.work.L, l.room.L = &o.mu, &o.mu
	o.mu.Lock()
	defer o.mu.Unlock()
	l.control = connack.AppendTo(nil, p.Version)
	o.sender.Resume(p.ReceiveMaximum)
	for id := range o.sender.Releases() {
		rel := packets.Pubrel{PacketID: uint16(id)}
		l.control = rel.AppendTo(l.control, p.Version)
	}
	o.line, o.expected = l, false
	return l
}

// Control queues a packet other than PUBLISH, before all messages. It waits
// while the peer does not take those it has asked for. It is false if the peer
// does not accept a packet of that size.
func (l *Line) Control(p packets.Packet) bool {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	if !l.peer.Fits(p) {
		return false
	}
	for len(l.control) > controlLimit && !l.hurry {
		l.room.Wait()
	}
	if !l.closed {
		l.control = p.AppendTo(l.control, l.peer.Version)
		l.work.Signal()
	}
	return true
}

// Hurry ends the waiting of Control for good.
func (l *Line) Hurry() {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	l.hurry = true
	l.room.Broadcast()
}

// Close lets the writer go when it has sent the control packets, with flush also
// those messages that need not wait for the peer, and behind all that final.
// Without flush the messages stay in the Outbox. A second time, when the writer
// is gone, nothing is sent any more.
func (l *Line) Close(final packets.Packet, flush bool) {
	o := l.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if !l.closed {
		l.closed, l.hurry = true, true
		if final != nil && l.peer.Fits(final) {
			l.final = final.AppendTo(nil, l.peer.Version)
		}
		l.work.Signal()
		l.room.Broadcast()
	}
	if o.line == l && !flush {
		o.detach()
	}
}
