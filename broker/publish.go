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
	m, err := session.Decode(c.link.take(body), first, c.version)
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
	receipt, arrival := c.client.receiver.Publish(flow.InID(p.PacketID), p.QoS)
	switch arrival {
	case flow.Excess:
		return c.broke(p.Type(), packets.ReceiveMaximumExceeded, "§2.3.1", "MQTT-3.3.4-7", "more messages under way than the Receive Maximum")
	case flow.Deliver:
		c.client.receiver.Done(receipt, c.take(m, refused))
	}
	return c.acknowledge()
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

// acknowledge sends what is due, in the order of arrival.
func (c *conn) acknowledge() error {
	for {
		ack, ok := c.client.receiver.Next()
		if !ok {
			return nil
		}
		a := &c.turn.answer
		var err error
		if ack.QoS == packets.AtLeastOnce {
			a.puback.PacketID, a.puback.Reason = uint16(ack.ID), ack.Reason
			err = c.reply(&a.puback)
		} else {
			a.pubrec.PacketID, a.pubrec.Reason = uint16(ack.ID), ack.Reason
			err = c.reply(&a.pubrec)
		}
		if err != nil {
			return err
		}
	}
}

// publish passes on a message of this client. It reports whether somebody wants
// it.
func (c *conn) publish(m *session.Message) (wanted bool) {
	m.From = c.clientID
	return c.b.publish(m, c.turn)
}

// take publishes m at QoS 1 or 2, unless that is refused, and gives the code for
// PUBACK or PUBREC, which only 5.0 has a place for.
func (c *conn) take(m *session.Message, refused error) packets.ReasonCode {
	m.From = c.clientID
	defer func() { c.turn.Admitted = false }()
	switch {
	case refused != nil && c.version != packets.V5:
		return packets.Success // [MQTT3-3.3.5-2]
	case refused != nil:
		return reasonFor(refused)
	case c.version != packets.V5:
		c.publish(m) // [MQTT3-3.3.5-2]
	case c.b.refuses(m, c.turn), !c.b.retain(m):
		return packets.QuotaExceeded
	case !c.b.pass(m, c.turn):
		return packets.NoMatchingSubscribers
	}
	return packets.Success
}

// publish is the way of a message into the broker, when who sends it cannot be
// told that there is no room for it to be retained: then the topic has nothing
// retained [MQTT3-3.3.1-7]. It reports whether somebody wants it.
//
// The message is retained before subscriptions are looked up, and a subscription
// is there before retained messages are: nobody misses it in between.
func (b *Broker) publish(m *session.Message, t *turn) (wanted bool) {
	if !b.retain(m) {
		b.retained.Remove(m.Publish.Topic)
	}
	return b.pass(m, t)
}

// pass gives m to those who have subscribed [MQTT-4.5.0-1] [MQTT-3.3.2-3], once as
// themselves and once for each of their groups [MQTT-3.3.4-5].
func (b *Broker) pass(m *session.Message, t *turn) (wanted bool) {
	b.tellPublished(m)
	t.clients = b.subscriptions.Match(t.clients[:0], m.Publish.Topic)
	for rest := t.clients; len(rest) > 0; {
		n := sameClient(rest)
		if o, ok := merge(rest[:n], m.From); ok {
			wanted = true
			b.deliver(m, rest[0].Subscriber, o, nil, &t.Turn)
		}
		rest = rest[n:]
	}
	t.groups = b.shared.Match(t.groups[:0], m.Publish.Topic)
	for _, s := range t.groups {
		if s.Subscriber.Pass(m, &t.Turn) {
			wanted = true
		}
	}
	clear(t.clients) // a session that has ended is not kept in memory
	clear(t.groups)
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
	terms := session.Terms{
		QoS:         min(o.QoS, m.Publish.QoS),               // [MQTT-3.8.4-8] [MQTT3-3.8.4-6]
		Retain:      o.RetainAsPublished && m.Publish.Retain, // [MQTT-3.3.1-12] [MQTT-3.3.1-13] [MQTT3-3.3.1-9]
		Identifiers: o.Identifiers,
		Group:       g,
	}
	pushed, lost := to.out.Push(m, terms, t)
	if pushed == session.Crowded || lost.N > 0 {
		b.overflowed(to, pushed, lost, terms.QoS, t)
		b.tellDropped(to, m, terms.QoS, int(lost.N))
	}
	return pushed
}

// retain keeps m for those who subscribe later, if it is to be kept. It is false
// when there is no room.
func (b *Broker) retain(m *session.Message) bool {
	if !m.Publish.Retain || b.config.Without.has(RetainedMessages) { // [MQTT-3.3.1-8] [MQTT3-3.3.1-12]
		return true
	}
	if len(m.Publish.Payload) == 0 { // [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT3-3.3.1-10] [MQTT3-3.3.1-11]
		b.retained.Remove(m.Publish.Topic)
		return true
	}
	kept := m.Copy()
	kept.Sequence = b.retentions.Add(1)
	if b.retained.Set(m.Publish.Topic, kept, kept.Cost(), kept.ExpiresAt()) { // [MQTT-3.3.1-5] [MQTT3-3.3.1-5]
		return true
	}
	kept.Release()
	if n := b.unretained.Add(1); powerOfTwo(n) {
		b.config.Logger.Warn("message not retained", "limit", "MaximumRetainedMessages or MaximumRetainedBytes",
			"client", m.From, "topic", string(m.Publish.Topic), "refused", n)
	}
	return false
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
	after = b.retained.Match(r.Filter, r.After, func(m *session.Message) bool {
		if m.Sequence <= r.Until {
			m.Retain()
			found = append(found, m)
			size += m.Cost()
		}
		return size < retainedPortion
	})
	return found, after
}
