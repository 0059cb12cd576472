package broker

import (
	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// onPublish takes over a message of the client, section 3.3.4, and answers as its
// QoS wants [MQTT-3.3.4-1]. It is called for one after the other, in their order
// [MQTT-4.6.0-5] [MQTT-4.6.0-6].
func (c *conn) onPublish(first byte, body []byte) error {
	if done, err := c.relay(first, body); done {
		return err
	}
	m, err := c.message(first, body)
	if err != nil {
		return err
	}
	defer m.Release()
	p := &m.Publish
	if err := c.resolve(m); err != nil {
		return err
	}
	if c.tooDeep(p.Topic) {
		return errTooDeep
	}
	if err := c.b.config.Without.message(p.QoS, p.Retain); err != nil {
		return err
	}
	refused, err := c.mayPublish(p)
	if err != nil {
		return err
	}
	if p.QoS == packets.AtMostOnce {
		if refused == nil {
			c.publish(m)
		}
		return nil
	}
	if c.version != packets.V5 && c.b.journal.Overfull() {
		return errStore // there is no answer that says so, and not to read it is not enough if it comes again and again
	}
	receipt, arrival := c.client.in.publish(flow.InID(p.PacketID), p.QoS)
	var reason packets.ReasonCode
	switch arrival {
	case flow.Excess:
		return c.broke(p.Type(), packets.ReceiveMaximumExceeded, "§2.3.1", "MQTT-3.3.4-7", "more messages under way than the Receive Maximum")
	case flow.Deliver:
		var waits bool
		if reason, waits = c.take(m, receipt, refused); waits {
			return nil
		}
	}
	if !c.client.settle(receipt, reason, c.turn) {
		return errTooLargeToSend
	}
	return nil
}

// message makes a message of a PUBLISH.
func (c *conn) message(first byte, body []byte) (*session.Message, error) {
	if len(body) < sendInPlace {
		return session.Copy(first, body, c.version)
	}
	return session.Decode(c.link.take(body), first, c.version)
}

// resolve puts the topic in the place of its alias.
func (c *conn) resolve(m *session.Message) error {
	alias, ok := m.Publish.Props.TopicAlias()
	if !ok {
		return nil
	}
	if c.aliases == nil {
		c.aliases = new(flow.AliasIn)
		c.aliases.Reset(uint16(c.b.config.TopicAliasMaximum))
	}
	topic, reason := c.aliases.Resolve(alias, m.Publish.Topic)
	switch reason {
	case packets.Success:
		m.SetTopic(topic)
		return nil
	case packets.TopicAliasInvalid:
		return c.broke(m.Publish.Type(), reason, "", "MQTT-3.3.2-9", "a topic alias of 1 to the Topic Alias Maximum")
	}
	return c.broke(m.Publish.Type(), reason, "", "§3.3.2.3.4", "a topic alias that stands for a topic")
}

// publish passes on a message of this client at QoS 0.
func (c *conn) publish(m *session.Message) {
	m.From = c.clientID
	c.b.publish(m, c.turn)
}

// take publishes m at QoS 1 or 2, unless that is refused, and gives the code for
// PUBACK or PUBREC, which only 5.0 has a place for. If it waits, m has to be stored
// before that is sent.
func (c *conn) take(m *session.Message, receipt flow.Receipt, refused error) (reason packets.ReasonCode, waits bool) {
	m.From = c.clientID
	defer func() { c.turn.Admitted = false }()
	switch {
	case refused != nil:
		return reasonFor(refused), false // before 5.0 it is not told [MQTT3-3.3.5-2]
	case c.cannotStore(m):
		return packets.QuotaExceeded, false
	case c.version != packets.V5:
		if !c.b.retain(m, c.turn) { // [MQTT3-3.3.5-2]
			c.b.unretain(m.Publish.Topic, c.turn)
		}
	case c.b.refuses(m, c.turn), !c.b.retain(m, c.turn):
		return packets.QuotaExceeded, false
	}
	wanted, waits := c.pass(m, receipt)
	if !wanted && c.version == packets.V5 {
		reason = packets.NoMatchingSubscribers
	}
	return reason, waits
}

// pass gives m to those who have subscribed.
func (c *conn) pass(m *session.Message, receipt flow.Receipt) (wanted, waits bool) {
	if c.b.journal == nil {
		return c.b.pass(m, c.turn), false
	}
	l := letterOf(m)
	l.behind, l.sender, l.receipt = &c.client.in, c.client, receipt
	l.answers = c.version == packets.V5
	if m.Publish.QoS == packets.ExactlyOnce && c.client.out.Stored() {
		l.held = m.Publish.PacketID
	}
	return c.b.post(l, c.turn)
}

// publish is the way of a message into the broker, when who sends it cannot be
// told that there is no room for it to be retained: then the topic has nothing
// retained [MQTT3-3.3.1-7]. It reports whether somebody wants it.
//
// The message is retained before subscriptions are looked up, and a subscription
// is there before retained messages are: nobody misses it in between.
func (b *Broker) publish(m *session.Message, t *turn) (wanted bool) {
	if !b.retain(m, t) {
		b.unretain(m.Publish.Topic, t)
	}
	return b.pass(m, t)
}

// pass gives m to those who have subscribed [MQTT-4.5.0-1] [MQTT-3.3.2-3], once as
// themselves and once for each of their groups [MQTT-3.3.4-5].
func (b *Broker) pass(m *session.Message, t *turn) (wanted bool) {
	if b.journal != nil && m.Publish.QoS > packets.AtMostOnce {
		wanted, _ = b.post(letterOf(m), t)
		return wanted
	}
	b.tellPublished(m.From, &m.Publish)
	rest, groups := t.match(b, m.Publish.Topic)
	for len(rest) > 0 {
		n := sameClient(rest)
		if o, ok := merge(rest[:n], m.From); ok {
			wanted = true
			b.deliver(m, rest[0].Subscriber, o, nil, &t.Turn)
		}
		rest = rest[n:]
	}
	for _, s := range groups {
		if s.Subscriber.Pass(m, &t.Turn) {
			wanted = true
		}
	}
	t.matched()
	return wanted
}

// sameClient is how many of the first subscriptions are of one client.
func sameClient(all []topics.Subscription[*client]) (n int) {
	for n = 1; n < len(all) && all[n].ID == all[0].ID; n++ {
	}
	return n
}

// merge makes one of all subscriptions of a client that match: the message is
// sent once, at the highest QoS [MQTT-3.3.4-2] [MQTT3-3.3.5-1]. It is false when
// they do not want what comes from that client [MQTT-3.8.3-3]. It has the
// identifiers of all that do [MQTT-3.3.4-4].
func merge(all []topics.Subscription[*client], from string) (o topics.Options, wanted bool) {
	for i := range all {
		s := &all[i]
		if s.NoLocal && s.Subscriber.id == from {
			continue
		}
		wanted = true
		o.QoS = max(o.QoS, s.QoS)
		o.RetainAsPublished = o.RetainAsPublished || s.RetainAsPublished
		if o.Identifiers == nil {
			o.Identifiers = s.Identifiers
		} else {
			o.Identifiers = append(o.Identifiers[:len(o.Identifiers):len(o.Identifiers)], s.Identifiers...)
		}
	}
	return o, wanted
}

// deliver puts m into the outbox of a receiver, who may have it from a group.
func (b *Broker) deliver(m *session.Message, to *client, o topics.Options, g session.Group, t *session.Turn) session.Pushed {
	return b.push(m, to, termsOf(m, o, g), t)
}

// termsOf is how m goes to a receiver.
func termsOf(m *session.Message, o topics.Options, g session.Group) session.Terms {
	return session.Terms{
		QoS:         min(o.QoS, m.Publish.QoS),               // [MQTT-3.8.4-8] [MQTT3-3.8.4-6]
		Retain:      o.RetainAsPublished && m.Publish.Retain, // [MQTT-3.3.1-12] [MQTT-3.3.1-13] [MQTT3-3.3.1-9]
		Identifiers: o.Identifiers,
		Group:       g,
	}
}

func (b *Broker) push(m *session.Message, to *client, terms session.Terms, t *session.Turn) session.Pushed {
	pushed, lost := to.out.Push(m, terms, t)
	if pushed == session.Crowded || lost.N > 0 {
		b.overflowed(to, pushed, lost, terms.QoS, t)
		b.tellDropped(to, m, terms.QoS, int(lost.N))
	}
	return pushed
}
