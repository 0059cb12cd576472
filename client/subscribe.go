package client

import (
	"context"
	"errors"
	"slices"

	"github.com/fletchmq/fletch/packets"
)

// Subscription is a topic filter and what is wanted of it.
type Subscription struct {
	Filter string
	QoS    packets.QoS // the highest wanted

	// For 5.0; not sent before.
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    packets.RetainHandling
}

// Subscribe subscribes to what matches filter, at QoS qos or less if the server
// grants less. The handler may be called before Subscribe returns. Without one,
// nil, the messages are for [Client.Receive]. A second subscription to the same
// filter replaces the first. What a kept session has sent before Subscribe, and neither
// Config.Handler nor [Client.Receive] has taken, is for the handler.
//
// The subscription is the Client's: if the server loses the session, it is asked for
// again on the next connection. Without a connection Subscribe waits for one.
//
// The error is a [*RefusedError] if the server does not grant the subscription.
// After an [ErrUnknown] it may have: messages that come are handled, until
// Unsubscribe.
func (c *Client) Subscribe(ctx context.Context, filter string, qos packets.QoS, handler Handler) error {
	_, err := c.SubscribeAll(ctx, handler, Subscription{Filter: filter, QoS: qos})
	return err
}

// SubscribeAll is Subscribe for several filters in one request, whose messages
// the handler gets in the order of their arrival. It returns what the server
// says to each of them: the QoS granted, or a reason of 0x80 and above. The error
// has a [*RefusedError] for each of those, and the others are granted.
func (c *Client) SubscribeAll(ctx context.Context, handler Handler, subscriptions ...Subscription) ([]packets.ReasonCode, error) {
	q := c.pull
	if handler != nil {
		q = c.newQueue(handler)
	}
	return c.subscribeTo(ctx, q, subscriptions)
}

func (c *Client) subscribeTo(ctx context.Context, q *queue, subscriptions []Subscription) ([]packets.ReasonCode, error) {
	r := newRequest(packets.TypeSubscribe)
	r.subscriptions = slices.Clone(subscriptions)
	for _, s := range subscriptions {
		r.filters = append(r.filters, s.Filter)
	}
	if err := checkSubscribe(subscribe(subscriptions, 1), c.cfg.Version); err != nil {
		return nil, err
	}
	err := c.do(ctx, r, func(l *link) error {
		c.claimAll(r, q)
		c.adopt(q)
		err := c.ask(l, r)
		if err != nil {
			c.withdraw(r)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.codes, r.refusals(packets.TypeSuback)
}

// Unsubscribe ends the subscriptions to these filters. Their handlers may still
// be called until it returns, and after that for what has come before.
//
// A filter without a subscription is no error. The error is a [*RefusedError]
// for each filter that a server of 5.0 refuses to end.
func (c *Client) Unsubscribe(ctx context.Context, filters ...string) error {
	r := newRequest(packets.TypeUnsubscribe)
	r.filters = slices.Clone(filters)
	if len(filters) == 0 { // [MQTT-3.10.3-2]
		return invalid("no topic filter")
	}
	if err := unsubscribe(filters, 1).Validate(c.cfg.Version); err != nil {
		return invalid("filters %q: %w", filters, err)
	}
	err := c.do(ctx, r, func(l *link) error {
		r.claims = c.claims.tops(filters)
		return c.ask(l, r)
	})
	if err != nil {
		return err
	}
	return r.refusals(packets.TypeUnsuback)
}

// subscribe is the SUBSCRIBE for these.
func subscribe(all []Subscription, id uint16) *packets.Subscribe {
	p := &packets.Subscribe{PacketID: id}
	for _, s := range all {
		p.Filters = append(p.Filters, packets.Subscription{
			Filter: []byte(s.Filter), QoS: s.QoS,
			NoLocal: s.NoLocal, RetainAsPublished: s.RetainAsPublished, RetainHandling: s.RetainHandling,
		})
	}
	return p
}

// unsubscribe is the UNSUBSCRIBE for these.
func unsubscribe(filters []string, id uint16) *packets.Unsubscribe {
	p := &packets.Unsubscribe{PacketID: id}
	for _, f := range filters {
		p.Filters = append(p.Filters, []byte(f))
	}
	return p
}

// refusals joins a *RefusedError for each filter refused.
func (r *request) refusals(t packets.Type) error {
	var refused []error
	for i, code := range r.codes {
		if code >= packets.UnspecifiedError {
			refused = append(refused, &RefusedError{Packet: t, Reason: code, Detail: r.detail, Filter: r.filters[i]})
		}
	}
	if len(refused) == 1 {
		return refused[0]
	}
	return errors.Join(refused...)
}
