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
	if first != plain {
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
	c.relayed(x, body)
	return true, nil
}

// relayed passes on what is relayed for certain: from here on body may be taken.
func (c *conn) relayed(x *session.Onward, body []byte) {
	packet := c.link.whole(len(body))
	if packet != nil || len(body) < sendInPlace {
		x.Begin(packet, body, nil, c.version)
		c.passOn(x)
		return
	}
	f := c.link.take(body)
	defer f.Release()
	x.Begin(nil, f.Bytes(), f, c.version)
	c.passOn(x)
	*x = session.Onward{}
}

// passOn is Broker.pass for what is relayed. Who cannot have it that way gets a
// message.
func (c *conn) passOn(x *session.Onward) {
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
				m = c.messageOf(x)
			}
			b.deliver(m, to, terms, nil, &t.Turn)
		}
	}
	for _, s := range groups {
		if m == nil {
			m = c.messageOf(x)
		}
		s.Subscriber.Pass(m, &t.Turn)
	}
	if m != nil {
		m.Release()
	}
	t.matched()
}

// messageOf makes a message of what was to be relayed.
func (c *conn) messageOf(x *session.Onward) (m *session.Message) {
	var err error
	if x.Frame == nil {
		m, err = c.message(plain, x.Body)
	} else {
		x.Frame.Retain()
		m, err = session.Decode(x.Frame, plain, c.version)
	}
	if err != nil {
		panic(err) // it has been decoded before
	}
	m.From = c.clientID
	return m
}
