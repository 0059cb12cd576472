package broker

import (
	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
)

// plain is a PUBLISH at QoS 0 with neither DUP nor RETAIN.
const plain = byte(packets.TypePublish) << 4

// relay passes a message on without making one of it, where its bytes are those that
// its receivers get. If it cannot, nothing has been done.
func (c *conn) relay(first byte, body []byte) (done bool, err error) {
	if first != plain || c.b.hooks.delivered != nil {
		return false, nil
	}
	packet := c.link.whole(len(body))
	if packet == nil {
		return false, nil
	}
	x := &c.turn.onward
	p := &x.Publish
	if err := p.DecodeFrom(packets.Client, first, body, c.version); err != nil {
		return true, err
	}
	if has := p.Props.Has(); has.Has(packets.PropTopicAlias) || has.Has(packets.PropMessageExpiryInterval) {
		return false, nil
	}
	if c.tooDeep(p.Topic) {
		return true, errTooDeep
	}
	if refused, err := c.mayPublish(p); refused != nil || err != nil {
		return true, err
	}
	x.Begin(packet, c.version)
	c.passOn(x, body)
	return true, nil
}

// passOn is Broker.pass for what is relayed. Who cannot have it that way gets a
// message.
func (c *conn) passOn(x *session.Onward, body []byte) {
	b, t := c.b, c.turn
	b.tellPublished(c.clientID, &x.Publish)
	rest, groups := t.match(b, x.Publish.Topic)
	var m *session.Message
	for len(rest) > 0 {
		n := sameClient(rest)
		terms, wanted := merge(rest[:n], c.clientID)
		to := rest[0].Subscriber
		rest = rest[n:]
		switch {
		case !wanted:
		case terms.Identifiers == nil && to.out.Relay(x, &t.Turn):
			t.relayed = true
		default:
			if m == nil {
				m = c.messageOf(body)
			}
			b.deliver(m, to, terms, nil, &t.Turn)
		}
	}
	for _, s := range groups {
		if m == nil {
			m = c.messageOf(body)
		}
		s.Subscriber.Pass(m, &t.Turn)
	}
	if m != nil {
		m.Release()
	}
	t.matched()
}

// messageOf makes a message of what was to be relayed.
func (c *conn) messageOf(body []byte) *session.Message {
	m, err := c.message(plain, body)
	if err != nil {
		panic(err) // it has been decoded before
	}
	m.From = c.clientID
	return m
}
