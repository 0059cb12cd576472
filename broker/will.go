package broker

import (
	"time"

	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
)

// testament is a will: a message to be published when a connection or a session has ended.
type testament struct {
	message *session.Message
	delay   uint32 // seconds from the end of the connection, section 3.1.3.2.2
	behind  *inbox // of the client, nil if nothing has come from it
}

// willOf is the will in a CONNECT.
func willOf(p *packets.Connect, from string) *testament {
	// [MQTT-3.1.2-14] [MQTT-3.1.2-15]
	w := packets.Publish{QoS: p.WillQoS, Retain: p.WillRetain, Topic: p.Will.Topic, Payload: p.Will.Payload}
	props, to := &p.Will.Props, &w.Props
	if v, ok := props.PayloadFormatIndicator(); ok {
		to.SetPayloadFormatIndicator(v)
	}
	if v, ok := props.MessageExpiryInterval(); ok {
		to.SetMessageExpiryInterval(v)
	}
	if v, ok := props.ContentType(); ok {
		to.SetContentType(v)
	}
	if v, ok := props.ResponseTopic(); ok {
		to.SetResponseTopic(v)
	}
	if v, ok := props.CorrelationData(); ok {
		to.SetCorrelationData(v)
	}
	to.SetUserProperties(props.UserProperties()) // [MQTT-3.1.3-10]
	delay, _ := props.WillDelayInterval()
	m := session.NewMessage(&w)
	m.From = from
	return &testament{message: m, delay: delay}
}

func (b *Broker) setWill(cl *client, w *testament) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.behind = &cl.in
	cl.will = w
}

// dropWill is for a client that says farewell.
func (b *Broker) dropWill(cl *client) {
	b.mu.Lock()
	w := cl.takeWill()
	b.mu.Unlock()
	if w != nil {
		w.message.Release()
	}
}

// takeWill gives the will to who asks first, after that nil [MQTT-3.1.2-10]
// [MQTT3-3.1.2-10]. It holds Broker.mu.
func (cl *client) takeWill() *testament {
	w := cl.will
	cl.will = nil
	return w
}

// publishWill publishes w, which is nil where there is none [MQTT3-3.1.2-12]. No
// time has gone by for it yet. What also puts in is stored with it, if it is not nil:
// that the will is not to be published any more.
func (b *Broker) publishWill(w *testament, t *turn, also func(*journal.Group)) {
	switch {
	case w == nil && also == nil:
		return
	case w == nil:
		b.putIn(also)
		return
	}
	m := w.message
	defer m.Release()
	m.Received(time.Now())
	if b.journal == nil {
		b.publish(m, t)
		return
	}
	if !b.retain(m, t) {
		b.unretain(m.Publish.Topic, t)
	}
	l := letterOf(m)
	l.behind, l.also = w.behind, also
	b.post(l, t)
}
