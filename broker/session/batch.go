package session

import (
	"time"

	"github.com/valyala/bytebufferpool"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// batchBytes is how many bytes of messages a batch has, more or less.
const batchBytes = 64 << 10

// Batch is what is sent at once, in this order. It is filled again and again.
type Batch struct {
	Control  []byte
	Relayed  [][]byte   // packets, valid until the end of the turn
	Relays   int        // how many messages they are
	Messages []Delivery // who sends them releases them
	Replay   *Replay    // then look these up, and give them to Expand
	Page     *Page      // then Read these, where it is possible to wait

	buffer *bytebufferpool.ByteBuffer // of Control
	relay  *relay                     // of Relayed
}

// Delivery is a PUBLISH to be sent.
type Delivery struct {
	Message  *Message
	PacketID uint16
	Left     uint32 // Message Expiry Interval in seconds, if the message expires
	Dup      bool
	Terms
}

// Taken is what Take has found.
type Taken uint8

// The results of Take.
const (
	Filled Taken = iota // there is a batch to send
	Idle                // there is nothing to send now
	Over                // the line is closed, and there is nothing left
)

// Take fills b with what there is to send. After Idle the line is no business of
// the caller any more, until it is flushed again. After Over it is over for good.
func (l *Line) Take(b *Batch) Taken {
	b.Reset()
	o := l.out
	o.mu.Lock()
	defer o.unlock()
	if l.control != nil {
		b.buffer, l.control = l.control, nil
		l.full.Store(false)
		b.Control = b.buffer.B
		l.relieve()
	}
	l.turn = taken
	if r := l.relay; r != nil {
		l.relay = nil
		b.relay, b.Relayed, b.Relays = r, r.parts, r.messages
	}
	if o.line == l {
		l.fill(b)
		if !l.closed() {
			b.Page = o.turn()
		}
	}
	switch {
	case len(b.Control) > 0, b.Relays > 0, len(b.Messages) > 0, b.Replay != nil, b.Page != nil:
		return Filled
	case !l.closed():
		l.turn = nil
		l.mayWait()
		return Idle
	case l.final == nil:
		return Over
	}
	b.buffer, l.final = l.final, nil
	b.Control = b.buffer.B
	return Filled
}

// mostPooled is how large a buffer may be, in bytes, to be used again.
const mostPooled = 2 * controlLimit

// Reset gives back what the batch has in memory. It has no messages any more.
func (b *Batch) Reset() {
	if b.buffer != nil && cap(b.buffer.B) <= mostPooled {
		bytebufferpool.Put(b.buffer)
	}
	if b.relay != nil {
		b.relay.release()
	}
	*b = Batch{Messages: b.Messages[:0]}
}

// fill takes messages out of the queues into b, behind those to be sent again.
func (l *Line) fill(b *Batch) {
	o := l.out
	var now time.Time // asked for once, if at all
	for size := l.resend(b, &now); size < batchBytes && !o.expanding; {
		q := o.next()
		if !o.sendable(q.first()) {
			return
		}
		if p := q.first().place; p != nil && p.replay != nil && !l.closed() {
			b.Replay, o.expanding = p.replay, true
			return
		}
		e := q.pop()
		if e.place != nil {
			o.replays.gone(e.place)
			continue
		}
		if q == &o.queue {
			o.bytes -= e.cost
		}
		left, gone := expired(e.message, &now)
		gone = gone && !e.Kept.Sent // a delivery that has begun goes on
		large := l.tooLarge(&e)
		reason := TooLarge
		if gone {
			reason = Expired
		}
		switch {
		case e.Kept.revoked, large && e.Kept.Sent, (large || gone) && o.vault.holds(&e.Terms):
			x, _ := o.sender.Exchange(o.begin(e))
			e.message.Release()
			l.forgo(x, b, reason)
			continue
		case large, gone: // [MQTT-3.3.2-5] [MQTT-3.1.2-25]
			o.lose(reason, 1)
			o.drop(&e.Kept)
			e.message.Release()
			continue
		}
		d := Delivery{Message: e.message, Left: left, Dup: o.vault.again(&e.Kept), Terms: e.Terms}
		if e.QoS > 0 {
			d.PacketID = uint16(o.begin(e))
		}
		b.Messages = append(b.Messages, d)
		size += e.message.Cost()
	}
}

// resend puts what an earlier connection has sent in vain into b, as far as the
// quota allows. Its delivery has begun, so it does not expire. It gives the
// bytes.
func (l *Line) resend(b *Batch, now *time.Time) (size int) {
	o := l.out
	for size < batchBytes {
		x, ok := o.sender.Resend()
		if !ok {
			break
		}
		if l.tooLarge(x.M) {
			l.forgo(x, b, TooLarge)
			continue
		}
		m := x.M.message
		left, _ := expired(m, now)
		m.Retain()
		b.Messages = append(b.Messages, Delivery{Message: m, PacketID: uint16(x.ID), Left: left, Dup: true, Terms: x.M.Terms})
		size += m.Cost()
	}
	return size
}

// forgo acts as if a message had been sent that the peer does not accept any
// more [MQTT-3.1.2-25], or that it is not to have for another reason.
func (l *Line) forgo(x flow.Exchange[*entry], b *Batch, reason Reason) {
	o := l.out
	if x.State == flow.AwaitPuback {
		o.sender.Puback(x.ID)
	} else {
		o.sender.Pubrec(x.ID, packets.Success)
		if o.vault != nil {
			o.vault.received(&x.M.Kept, x.ID)
			x.M.Kept.Sequence = 0
		}
		rel := packets.Pubrel{PacketID: uint16(x.ID)}
		b.Control = rel.AppendTo(b.Control, l.peer.Version)
	}
	if !x.M.Kept.revoked {
		o.lose(reason, 1)
	}
	o.settled(x.M)
}

func (l *Line) tooLarge(e *entry) bool {
	return l.peer.MaximumPacketSize > 0 && !l.peer.takes(e.message.packetSize(l.peer.Version, e.Terms, 0))
}

// next is the queue whose messages go first.
func (o *Outbox) next() *queue {
	if o.replays != nil && o.replays.front.len() > 0 {
		return &o.replays.front
	}
	return &o.queue
}

// sendable reports whether e is there and need not wait for the peer: for its
// Receive Maximum [MQTT-3.3.4-9] [MQTT-4.9.0-2], or for bytes to be acknowledged.
func (o *Outbox) sendable(e *entry) bool {
	return e != nil && (e.QoS == 0 ||
		o.sender.Available() > 0 && (o.inFlight == 0 || o.inFlight+e.cost <= o.budget.limits.Bytes) &&
			(e.Kept.Sequence == 0 || o.sender.Free(flow.OutID(e.Kept.PacketID))))
}

// expired reports whether m has no time left, and how much it has.
func expired(m *Message, now *time.Time) (left uint32, gone bool) {
	if !m.Expires() {
		return 0, false
	}
	if now.IsZero() {
		*now = time.Now()
	}
	left = m.Left(*now)
	return left, left == 0
}
