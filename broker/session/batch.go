package session

import (
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// batchBytes is how many bytes of messages a batch has, more or less.
const batchBytes = 64 << 10

// Batch is what the writer sends at once, in this order. It is filled again and
// again.
type Batch struct {
	Control  []byte
	Messages []Delivery // the writer releases them
	Replay   *Replay    // then look these up, and give them to Expand
}

// Delivery is a PUBLISH to be sent.
type Delivery struct {
	Message  *Message
	PacketID uint16
	Left     uint32 // Message Expiry Interval in seconds, if the message expires
	Dup      bool
	Terms
}

// Take waits until there is something to send, and fills b with it. It is false
// when the line is closed and nothing is left.
func (l *Line) Take(b *Batch) bool {
	o := l.out
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		b.Control, l.control = l.control, spare(b.Control)
		l.room.Broadcast()
		b.Messages, b.Replay = b.Messages[:0], nil
		if o.line == l {
			l.fill(b)
		}
		switch {
		case len(b.Control) > 0, len(b.Messages) > 0, b.Replay != nil:
			return true
		case !l.closed:
			l.work.Wait()
		case l.final == nil:
			return false
		default:
			b.Control, l.final = l.final, nil
			return true
		}
	}
}

// spare is the memory of b, unless that is more than is wanted often.
func spare(b []byte) []byte {
	if cap(b) > 2*controlLimit {
		return nil
	}
	return b[:0]
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
		if p := q.first().place; p != nil && p.replay != nil && !l.closed {
			b.Replay, o.expanding = p.replay, true
			return
		}
		e := q.pop()
		if e.place != nil {
			o.places.gone(e.place)
			continue
		}
		if q == &o.queue {
			o.bytes -= e.cost
		}
		left, gone := expired(e.message, &now)
		if gone || l.tooLarge(&e) {
			e.message.Release() // [MQTT-3.3.2-5] [MQTT-3.1.2-25]
			continue
		}
		d := Delivery{Message: e.message, Left: left, Terms: e.Terms}
		if e.QoS > 0 {
			id, _ := o.sender.Begin(e.QoS, e) // sendable has asked
			o.inFlight += e.cost
			e.message.Retain() // for the exchange
			d.PacketID = uint16(id)
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
		if l.tooLarge(&x.M) {
			l.forgo(x, b)
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
// more [MQTT-3.1.2-25].
func (l *Line) forgo(x flow.Exchange[entry], b *Batch) {
	o := l.out
	if x.State == flow.AwaitPuback {
		o.sender.Puback(x.ID)
	} else {
		o.sender.Pubrec(x.ID, packets.Success)
		rel := packets.Pubrel{PacketID: uint16(x.ID)}
		b.Control = rel.AppendTo(b.Control, l.peer.Version)
	}
	o.settled(x.M)
}

func (l *Line) tooLarge(e *entry) bool {
	return !l.peer.takes(e.message.packetSize(l.peer.Version, e.Terms, 0))
}

// next is the queue whose turn it is.
func (o *Outbox) next() *queue {
	if o.front.len() > 0 {
		return &o.front
	}
	return &o.queue
}

// sendable reports whether e is there and need not wait for the peer: for its
// Receive Maximum [MQTT-3.3.4-9] [MQTT-4.9.0-2], or for bytes to be acknowledged.
func (o *Outbox) sendable(e *entry) bool {
	return e != nil && (e.QoS == 0 ||
		o.sender.Available() > 0 && (o.inFlight == 0 || o.inFlight+e.cost <= o.limits.Bytes))
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
