package broker

import (
	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
)

// onSubscribe is section 3.8.4: one SUBACK for all filters [MQTT-3.8.4-1]
// [MQTT-3.8.4-5].
func (c *conn) onSubscribe(p *packets.Subscribe) error {
	var identifiers []uint32
	if id, ok := p.Props.SubscriptionIdentifier(); ok {
		if c.b.config.Without.has(SubscriptionIdentifiers) {
			return errIdentifiers
		}
		identifiers = []uint32{id}
	}
	a := &c.turn.answer.suback
	a.PacketID, a.Reasons = p.PacketID, a.Reasons[:0] // [MQTT-3.8.4-2] [MQTT3-3.8.4-2]
	a.Props.Reset()
	c.turn.replays = c.turn.replays[:0]
	refusals, err := c.maySubscribe(p.Filters)
	if err != nil {
		return err
	}
	c.b.retained.Sweep()
	for i := range p.Filters {
		var refused error
		if refusals != nil {
			refused = refusals[i]
		}
		reason, err := c.subscribe(&p.Filters[i], identifiers, refused)
		if err != nil {
			return err
		}
		a.Reasons = append(a.Reasons, reason) // [MQTT-3.9.3-1] [MQTT3-3.9.3-1]
	}
	if !c.peer.Fits(a) {
		a.Props.Unset(packets.PropReasonString) // [MQTT-3.9.2-1]
	}
	if err := c.storeSubscriptions(); err != nil {
		return err
	}
	if err := c.reply(a); err != nil {
		return err
	}
	for _, r := range c.turn.replays {
		c.client.out.Replay(r, &c.turn.Turn)
	}
	clear(c.turn.replays)
	return nil
}

// subscribe handles one filter of a SUBSCRIBE and gives its code for SUBACK. If
// it is refused, a subscription that there is to that filter ends.
func (c *conn) subscribe(x *packets.Subscription, identifiers []uint32, refused error) (packets.ReasonCode, error) {
	_, _, shared := packets.SplitShared(x.Filter)
	if c.bridge {
		x.NoLocal, x.RetainAsPublished = !shared, true
	}
	filter := string(x.Filter)
	had := c.client.filters.has(filter)
	lacks := c.b.config.Without.filter(x.Filter, shared)
	switch {
	case shared && !packets.ValidTopicFilter(x.Filter): // before 5.0 no rule of the codec
		return c.refusalCode(packets.TopicFilterInvalid)
	case refused != nil:
		c.unsubscribe(filter)
		return c.refusalCode(reasonFor(refused))
	case c.troubled():
		return c.refuse(packets.QuotaExceeded, "Store")
	case lacks != nil && c.version == packets.V5:
		return 0, lacks
	case lacks != nil: // [MQTT3-3.8.3-2]
		return c.refuse(lacks.reason, "Without")
	case c.tooDeep(x.Filter):
		return c.refuse(packets.TopicFilterInvalid, "MaximumTopicLevels")
	case !had && c.client.filters.len() >= c.b.config.MaximumSubscriptions:
		return c.refuse(packets.QuotaExceeded, "MaximumSubscriptions")
	case !had && c.b.subscribed.Load() >= int64(c.b.config.MaximumSubscriptionsTotal):
		return c.refuse(packets.QuotaExceeded, "MaximumSubscriptionsTotal")
	case !had && c.client.filterBytes+topics.Cost(len(x.Filter)) > c.b.config.MaximumSubscriptionBytes:
		return c.refuse(packets.QuotaExceeded, "MaximumSubscriptionBytes")
	}
	if !had {
		c.client.add(filter)
		c.b.subscribed.Add(1)
	}
	granted := min(x.QoS, c.b.config.Without.maximumQoS()) // [MQTT-3.2.2-10]
	s := topics.Subscription[*client]{
		ID:         c.client.number,
		Subscriber: c.client,
		Options:    topics.Options{QoS: granted, NoLocal: x.NoLocal, RetainAsPublished: x.RetainAsPublished, Identifiers: identifiers},
	}
	c.b.subscribe(filter, s)
	c.keepSubscription(filter, &s.Options)
	switch {
	case shared: // section 4.8.2: retained messages are not for one of many
	case x.RetainHandling == packets.DoNotSendRetained: // [MQTT-3.3.1-11]
	case x.RetainHandling == packets.SendRetainedIfNew && had: // [MQTT-3.3.1-10]
	case !c.b.retained.MayMatch(filter): // most filters: it takes no place in the queue
	default: // [MQTT-3.3.1-9] [MQTT-3.8.4-4] [MQTT3-3.3.1-6] [MQTT3-3.8.4-3]
		c.turn.replays = append(c.turn.replays, session.Replay{
			Filter: filter,
			Terms:  session.Terms{QoS: granted, Identifiers: identifiers},
			Until:  c.b.retentions.Load(),
		})
	}
	c.tellSubscribed(filter, x, granted)
	return packets.ReasonCode(granted), nil // [MQTT-3.8.4-7] [MQTT3-3.8.4-5]
}

// storeSubscriptions waits until what has changed is stored.
func (c *conn) storeSubscriptions() error {
	if !c.turn.put {
		return nil
	}
	return c.storeAll()
}

func (cl *client) add(filter string) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.filters.add(filter)
	cl.filterBytes += topics.Cost(len(filter))
}

func (cl *client) remove(filter string) (found bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if found = cl.filters.remove(filter); found {
		cl.filterBytes -= topics.Cost(len(filter))
	}
	return found
}

// refuse counts a filter that is refused, and gives its code. Limit is the key in
// Config that struck.
func (c *conn) refuse(reason packets.ReasonCode, limit string) (packets.ReasonCode, error) {
	if c.refused++; powerOfTwo(uint64(c.refused)) {
		c.b.config.Logger.Warn("subscription refused", "limit", limit, "client", c.clientID,
			"remote", c.link.remoteAddr(), "reason", reason.String(), "refused", c.refused)
	}
	if c.version == packets.V5 && !c.terse { // [MQTT-3.1.2-29]
		c.turn.answer.suback.Props.SetReasonString([]byte("refused: " + limit))
	}
	return c.refusalCode(reason)
}

// refusalCode is the code for a filter that is refused in the words of the
// connection's version.
func (c *conn) refusalCode(reason packets.ReasonCode) (packets.ReasonCode, error) {
	switch c.version {
	case packets.V5:
		return reason, nil
	case packets.V311:
		return packets.ReasonCode(packets.Failure), nil // [MQTT3-3.9.3-2]
	}
	return 0, errSubscription
}

// onUnsubscribe is section 3.10.4: one UNSUBACK for all filters [MQTT-3.10.4-6].
func (c *conn) onUnsubscribe(p *packets.Unsubscribe) error {
	a := &c.turn.answer.unsuback
	a.PacketID, a.Reasons = p.PacketID, a.Reasons[:0] // [MQTT-3.10.4-5] [MQTT3-3.10.4-4]
	troubled := c.troubled()
	if troubled && c.version != packets.V5 {
		return errStore
	}
	for _, filter := range p.Filters {
		reason := packets.NoSubscriptionExisted
		switch {
		case troubled:
			reason = packets.ImplementationSpecificError
		case c.unsubscribe(string(filter)):
			reason = packets.Success
		}
		a.Reasons = append(a.Reasons, reason) // [MQTT-3.11.3-1]
	}
	if err := c.storeSubscriptions(); err != nil {
		return err
	}
	return c.reply(a)
}

// unsubscribe ends a subscription, and reports whether there was one.
func (c *conn) unsubscribe(filter string) bool {
	if !c.client.remove(filter) {
		return false
	}
	c.b.subscribed.Add(-1)
	c.dropSubscription(filter)
	c.b.unsubscribe(filter, c.client) // and what is under way goes on [MQTT-3.10.4-2] [MQTT-3.10.4-3]
	c.client.out.Cancel(filter)
	c.tellUnsubscribed(filter)
	return true
}

// unsubscribe takes cl off a filter that is one of its own.
func (b *Broker) unsubscribe(filter string, cl *client) {
	if _, _, shared := packets.SplitShared(filter); shared {
		b.unshare(filter, cl)
		return
	}
	b.subscriptions.Unsubscribe(filter, cl.number)
}
