package session

import (
	"sync"
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
	"github.com/fletchmq/fletch/packets/wire"
)

// Pushed is what became of a message that was pushed.
type Pushed uint8

// The ways of a message.
const (
	Queued   Pushed = iota // it will be sent
	Dropped                // QoS 0, and no room
	Overflow               // QoS 1 or 2, and no room: the connection has to go
	Gone                   // the outbox is closed
)

// Outbox is what one connection has still to send. Those who publish push
// messages, the connection's reader puts in control packets and hands over the
// acknowledgements of the peer, its writer takes batches out. Messages leave in
// the order in which they came: one that waits for the peer's Receive Maximum
// holds up those behind it, but no control packet [MQTT-3.3.4-10].
//
// No method waits for a peer but those of the reader and the writer that say so.
type Outbox struct {
	limit int // bytes of messages

	mu      sync.Mutex
	work    sync.Cond // the writer waits for something to send
	room    sync.Cond // the reader waits for control packets to leave
	version packets.Version
	maximum uint32 // Maximum Packet Size of the peer in bytes, 0 if none
	sender  flow.Sender[struct{}]
	control []byte // packets that have no queue
	front   queue  // retained messages, before queue
	queue   queue
	bytes   int // that queue costs
	dropped uint64
	final   []byte // last of all
	hurry   bool   // the reader waits no more
	closed  bool
}

// controlLimit is how many bytes of control packets may wait before the reader,
// whose packets they answer, does.
const controlLimit = 32 << 10

// NewOutbox is an outbox in which messages of limit bytes may wait, and one more.
func NewOutbox(limit int) *Outbox {
	o := &Outbox{limit: limit}
	o.work.L, o.room.L = &o.mu, &o.mu
	return o
}

// Open says what CONNECT has said: the version, the largest packet in bytes that
// the peer accepts, 0 if any, and its Receive Maximum.
func (o *Outbox) Open(v packets.Version, maximumPacketSize uint32, receiveMaximum uint16) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.version, o.maximum = v, maximumPacketSize
	o.sender.Resume(receiveMaximum)
}

// Push queues m at that QoS, with a reference of its own. When m is dropped, n
// is how many have been.
func (o *Outbox) Push(m *Message, qos packets.QoS, retain bool) (p Pushed, n uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	cost := m.cost()
	switch {
	case o.closed:
		return Gone, 0
	case o.bytes == 0 || o.bytes+cost <= o.limit:
	case qos > 0:
		return Overflow, 0
	default:
		o.dropped++
		return Dropped, o.dropped
	}
	m.Retain()
	o.bytes += cost
	o.queue.push(entry{message: m, qos: qos, retain: retain, cost: cost})
	o.work.Signal()
	return Queued, 0
}

// Replay queues the retained messages of a subscription. They are looked up when
// their turn has come, so they need no room. What has been replaced by then, the
// subscription has brought.
func (o *Outbox) Replay(r Replay) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.queue.push(entry{replay: &r})
		o.work.Signal()
	}
}

// Control queues a packet other than PUBLISH, before all messages. It waits
// while the peer does not take those it has asked for. It is false if the peer
// does not accept a packet of that size [MQTT-3.1.2-24].
func (o *Outbox) Control(p packets.Packet) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.fits(p) {
		return false
	}
	for len(o.control) > controlLimit && !o.hurry {
		o.room.Wait()
	}
	if !o.closed {
		o.control = p.AppendTo(o.control, o.version)
		o.work.Signal()
	}
	return true
}

func (o *Outbox) fits(p packets.Packet) bool {
	n := p.Size(o.version)
	return o.maximum == 0 || uint32(1+wire.SizeVarInt(uint32(n))+n) <= o.maximum
}

// Puback handles the packet of that name, as do the next two.
func (o *Outbox) Puback(id flow.OutID) flow.Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.work.Signal()
	_, outcome := o.sender.Puback(id)
	return outcome
}

// Pubrec handles PUBREC.
func (o *Outbox) Pubrec(id flow.OutID, reason packets.ReasonCode) flow.Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.work.Signal()
	_, outcome := o.sender.Pubrec(id, reason)
	return outcome
}

// Pubcomp handles PUBCOMP.
func (o *Outbox) Pubcomp(id flow.OutID) flow.Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.work.Signal()
	_, outcome := o.sender.Pubcomp(id)
	return outcome
}

// Hurry ends the waiting of Control for good.
func (o *Outbox) Hurry() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hurry = true
	o.room.Broadcast()
}

// Close lets the writer go when it has sent the control packets, with flush also
// those messages that need not wait for the peer, and behind all that final. A
// second time it does nothing.
func (o *Outbox) Close(final packets.Packet, flush bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.closed, o.hurry = true, true
	if final != nil && o.fits(final) {
		o.final = final.AppendTo(nil, o.version)
	}
	if !flush {
		o.discard()
	}
	o.work.Signal()
	o.room.Broadcast()
}

// Discard releases all messages. It comes after Close, when the writer is gone.
func (o *Outbox) Discard() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.discard()
}

func (o *Outbox) discard() {
	o.front.clear()
	o.queue.clear()
	o.bytes = 0
}

// Waiting is how many messages wait, and their bytes.
func (o *Outbox) Waiting() (messages, bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.front.len() + o.queue.len(), o.bytes
}

// expired reports whether e has no time left, and how much it has.
func expired(e *entry, now *time.Time) (left uint32, gone bool) {
	if !e.message.Expires() {
		return 0, false
	}
	if now.IsZero() {
		*now = time.Now()
	}
	left = e.message.Left(*now)
	return left, left == 0
}
