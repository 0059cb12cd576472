package session

import (
	"time"

	"github.com/fletchmq/fletch/packets"
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
	QoS      packets.QoS
	Retain   bool
}

// AppendHead appends the PUBLISH of d in version v without its payload. It uses
// p for that, which is not good for more.
func (d *Delivery) AppendHead(b []byte, p *packets.Publish, v packets.Version) []byte {
	*p = d.Message.Publish
	p.Dup = false // [MQTT-3.3.1-3] [MQTT3-3.3.1-3]
	p.QoS, p.Retain, p.PacketID = d.QoS, d.Retain, d.PacketID
	if d.Message.Expires() {
		p.Props.SetMessageExpiryInterval(d.Left) // [MQTT-3.3.2-6]
	}
	return p.AppendHead(b, v)
}

// Take waits until there is something to send, and fills b with it. It is false
// when the outbox is closed and nothing is left.
func (o *Outbox) Take(b *Batch) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.closed && len(o.control) == 0 && !o.sendable(o.next()) {
		o.work.Wait()
	}
	b.Control, o.control = o.control, b.Control[:0]
	o.room.Broadcast()
	o.fill(b)
	if len(b.Control) == 0 && len(b.Messages) == 0 && b.Replay == nil && o.closed {
		if o.final == nil {
			return false
		}
		b.Control, o.final = o.final, nil
	}
	return true
}

// fill takes messages out of the queues into b.
func (o *Outbox) fill(b *Batch) {
	var now time.Time // asked for once, if at all
	b.Messages, b.Replay = b.Messages[:0], nil
	for size := 0; size < batchBytes; {
		q := o.next()
		if !o.sendable(q) {
			return
		}
		e := q.pop()
		if q == &o.queue {
			o.bytes -= e.cost
		}
		if e.replay != nil {
			b.Replay = e.replay
			return
		}
		left, gone := expired(&e, &now)
		if gone || o.maximum != 0 && e.message.packetSize(o.version, e.qos) > int(o.maximum) {
			e.message.Release() // [MQTT-3.3.2-5] [MQTT-3.1.2-25]
			continue
		}
		d := Delivery{Message: e.message, QoS: e.qos, Retain: e.retain, Left: left}
		if e.qos > 0 {
			id, _ := o.sender.Begin(e.qos, struct{}{}) // sendable has asked
			d.PacketID = uint16(id)
		}
		b.Messages = append(b.Messages, d)
		size += e.cost
	}
}

// next is the queue whose turn it is.
func (o *Outbox) next() *queue {
	if o.front.len() > 0 {
		return &o.front
	}
	return &o.queue
}

// sendable reports whether q has something that need not wait for the peer.
func (o *Outbox) sendable(q *queue) bool {
	e := q.first()
	return e != nil && (e.qos == 0 || o.sender.Available() > 0) // [MQTT-3.3.4-9] [MQTT-4.9.0-2]
}

// Expand puts retained messages where r was, unless the outbox is closed by now.
// It takes over the references.
func (o *Outbox) Expand(r *Replay, retained []*Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range retained {
		if o.closed {
			m.Release()
			continue
		}
		o.front.push(entry{
			message: m,
			qos:     min(r.QoS, m.Publish.QoS), // [MQTT-3.8.4-8] [MQTT3-3.8.4-6]
			retain:  true,                      // [MQTT3-3.3.1-8]
			cost:    m.cost(),
		})
	}
}
