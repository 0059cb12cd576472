package broker

import (
	"time"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
)

// retain keeps m for those who subscribe later, if it is to be kept. It is false
// when there is no room.
func (b *Broker) retain(m *session.Message, t *turn) bool {
	if !m.Publish.Retain || b.config.Without.has(RetainedMessages) { // [MQTT-3.3.1-8] [MQTT3-3.3.1-12]
		return true
	}
	if len(m.Publish.Payload) == 0 { // [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT3-3.3.1-10] [MQTT3-3.3.1-11]
		b.unretain(m.Publish.Topic, t)
		return true
	}
	if b.setRetained(m, t) { // [MQTT-3.3.1-5] [MQTT3-3.3.1-5]
		return true
	}
	if n := b.unretained.Add(1); powerOfTwo(n) {
		b.config.Logger.Warn("message not retained", "limit", "MaximumRetainedMessages or MaximumRetainedBytes",
			"client", m.From, "topic", string(m.Publish.Topic), "refused", n)
	}
	return false
}

// setRetained keeps m where others look it up, and in the store: what is the last in
// one is the last in the other.
func (b *Broker) setRetained(m *session.Message, t *turn) bool {
	stored := b.journal != nil && !isSys(m.Publish.Topic)
	if stored {
		b.retaining.Lock()
		defer b.retaining.Unlock()
	}
	if !b.setInMemory(m) {
		return false
	}
	if stored {
		b.sweeper.note(m.ExpiresAt())
		b.journal.Begin().Retain(&m.Publish, m.From, m.ExpiresAt())
		b.journal.End()
		t.Stored(b.journal)
		t.put = true
	}
	return true
}

func (b *Broker) setInMemory(m *session.Message) bool {
	r := session.RetainedOf(m, b.retentions.Add(1))
	return b.retained.Set(r.Topic(), r, r.Cost(), m.ExpiresAt())
}

// unretain leaves a topic name without a retained message.
func (b *Broker) unretain(topic []byte, t *turn) {
	if b.journal == nil || isSys(topic) {
		b.retained.Remove(string(topic))
		return
	}
	b.retaining.Lock()
	defer b.retaining.Unlock()
	if b.retained.Remove(string(topic)) {
		b.journal.Begin().Unretain(topic)
		b.journal.End()
		t.Stored(b.journal)
		t.put = true
	}
}

// keepsRetained reports whether m changes what is retained in the store, and is not
// acknowledged before that has happened.
func (b *Broker) keepsRetained(m *session.Message) bool {
	return m.Publish.Retain && m.Publish.QoS > packets.AtMostOnce && !isSys(m.Publish.Topic) && !b.config.Without.has(RetainedMessages)
}

// forgetRetained is for a retained message that has expired.
func (b *Broker) forgetRetained(r session.Retained) {
	b.journal.Begin().Unretain([]byte(r.Topic()))
	b.journal.End()
}

// retainedPortion is how many bytes of retained messages are looked up for one
// receiver at once, more or less. The others may be replaced until their turn has
// come.
const retainedPortion = 64 << 10

// retainedFor is the next retained messages for a new subscription, with a
// reference for the caller, and the topic name to go on behind, if it is not all.
//
// What was retained after the subscription was made is not among them: it was
// matched after it was retained, so it has gone the way of other messages.
func (b *Broker) retainedFor(r *session.Replay) (found []*session.Message, after string) {
	b.retained.Sweep()
	size := 0
	after = b.retained.Match(r.Filter, r.After, func(x session.Retained, expires time.Time) bool {
		if x.Sequence() <= r.Until {
			found = append(found, x.Message(expires))
			size += x.Cost()
		}
		return size < retainedPortion
	})
	return found, after
}
