package broker

import (
	"time"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// onPublish takes over a message of the client: section 3.3.4.
func (c *conn) onPublish(first byte, body []byte) error {
	m, err := session.Decode(c.in.Take(body), first, c.version)
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
	if p.QoS == packets.AtMostOnce {
		c.publish(m)
		return nil
	}
	receipt, arrival := c.client.receiver.Publish(flow.InID(p.PacketID), p.QoS)
	switch arrival {
	case flow.Excess:
		return c.broke(p.Type(), packets.ReceiveMaximumExceeded, "§2.3.1", "MQTT-3.3.4-7", "more messages under way than the Receive Maximum")
	case flow.Deliver:
		reason := packets.Success
		if !c.publish(m) {
			reason = packets.NoMatchingSubscribers // which only 5.0 has a place for
		}
		c.client.receiver.Done(receipt, reason)
	}
	return c.acknowledge()
}

// resolve puts the topic in the place of its alias.
func (c *conn) resolve(m *session.Message) error {
	alias, ok := m.Publish.Props.TopicAlias()
	if !ok {
		return nil
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
		a := &c.answer
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
	return c.b.publish(m, &c.matches)
}

// matches is memory for what a topic name matches.
type matches struct {
	clients []topics.Subscription[*client]
	groups  []topics.Subscription[*group]
}

// publish is the one way of a message into the broker, whoever sends it. It
// reports whether somebody wants it.
//
// The message is retained before subscriptions are looked up, and a subscription
// is there before retained messages are: nobody misses it in between.
func (b *Broker) publish(m *session.Message, found *matches) (wanted bool) {
	b.retain(m)
	found.clients = b.subscriptions.Match(found.clients[:0], m.Publish.Topic)
	for rest := found.clients; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].ID == rest[0].ID {
			n++
		}
		if o, ok := merge(rest[:n], m.From); ok {
			wanted = true
			b.deliver(m, rest[0].Subscriber, o, nil)
		}
		rest = rest[n:]
	}
	found.groups = b.shared.Match(found.groups[:0], m.Publish.Topic)
	for _, s := range found.groups {
		if s.Subscriber.Pass(m) {
			wanted = true
		}
	}
	clear(found.clients) // a session that has ended is not kept in memory
	clear(found.groups)
	return wanted
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
func (b *Broker) deliver(m *session.Message, to *client, o topics.Options, g session.Group) session.Pushed {
	t := session.Terms{
		QoS:         min(o.QoS, m.Publish.QoS),               // [MQTT-3.8.4-8] [MQTT3-3.8.4-6]
		Retain:      o.RetainAsPublished && m.Publish.Retain, // [MQTT-3.3.1-12] [MQTT-3.3.1-13] [MQTT3-3.3.1-9]
		Identifiers: o.Identifiers,
		Group:       g,
	}
	pushed, n := to.out.Push(m, t)
	if pushed == session.Dropped || pushed == session.Overflow {
		b.dropped.Add(1)
	}
	switch {
	case pushed == session.Overflow:
		b.kill(to, errOverflow)
	case pushed == session.Dropped && powerOfTwo(n):
		b.config.Logger.Warn("message dropped", "limit", "MaximumQueuedBytes or MaximumQueuedMessages",
			"client", to.id, "qos", t.QoS, "dropped", n)
	}
	return pushed
}

// retain keeps m for those who subscribe later, if it is to be kept.
func (b *Broker) retain(m *session.Message) {
	var (
		old  *session.Message
		gone bool
	)
	switch {
	case !m.Publish.Retain: // [MQTT-3.3.1-8] [MQTT3-3.3.1-12]
		return
	case len(m.Publish.Payload) == 0: // [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT3-3.3.1-10] [MQTT3-3.3.1-11]
		old, gone = b.retained.Remove(m.Publish.Topic)
	default: // [MQTT-3.3.1-5] [MQTT3-3.3.1-5]
		m.Sequence = b.retentions.Add(1)
		m.Retain()
		old, gone = b.retained.Set(m.Publish.Topic, m)
	}
	if gone {
		old.Release()
	}
}

// retainedFor is the retained messages for a new subscription, with a reference
// for the caller. Those that have expired go away.
//
// What was retained after the subscription was made is not among them: it was
// matched after it was retained, so it has gone the way of other messages.
func (b *Broker) retainedFor(r *session.Replay) []*session.Message {
	var all []*session.Message
	b.retained.Match(r.Filter, func(m *session.Message) {
		if m.Sequence <= r.Until {
			m.Retain()
			all = append(all, m)
		}
	})
	now := time.Now()
	live := all[:0]
	for _, m := range all {
		if !m.Expires() || m.Left(now) > 0 {
			live = append(live, m)
			continue
		}
		if b.retained.RemoveThis(m.Publish.Topic, m) {
			m.Release()
		}
		m.Release()
	}
	return live
}
