package client

import (
	"context"
	"errors"
	"slices"

	"github.com/fletchmq/fletch/packets"
)

// Subscribe subscribes to what matches filter, at QoS qos or less if the server
// grants less. The handler may be called before Subscribe returns. Without one,
// nil, the messages are for [Client.Receive]. A second subscription to the same
// filter replaces the first.
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
	p := packets.Subscribe{PacketID: 1} // until one is assigned
	r := newRequest(packets.TypeSubscribe)
	for _, s := range subscriptions {
		r.filters = append(r.filters, s.Filter)
		p.Filters = append(p.Filters, packets.Subscription{
			Filter: []byte(s.Filter), QoS: s.QoS,
			NoLocal: s.NoLocal, RetainAsPublished: s.RetainAsPublished, RetainHandling: s.RetainHandling,
		})
	}
	if err := c.checkSubscribe(&p); err != nil {
		return nil, err
	}
	err := c.do(ctx, r, func() error {
		id, ok := c.out.Request(r)
		if !ok {
			return errNoIdentifier
		}
		p.PacketID = uint16(id)
		r.claims = c.inbox.subscribe(r.filters, handler)
		c.buf = p.AppendTo(c.buf, c.cfg.Version)
		r.sent = true
		return nil
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
	p := packets.Unsubscribe{PacketID: 1} // until one is assigned
	r := newRequest(packets.TypeUnsubscribe)
	r.filters = slices.Clone(filters)
	for _, f := range filters {
		p.Filters = append(p.Filters, []byte(f))
	}
	if len(filters) == 0 { // [MQTT-3.10.3-2]
		return invalid("no topic filter")
	}
	if err := p.Validate(c.cfg.Version); err != nil {
		return failed(ErrInvalid, err)
	}
	if err := c.checkSize(&p); err != nil {
		return err
	}
	err := c.do(ctx, r, func() error {
		id, ok := c.out.Request(r)
		if !ok {
			return errNoIdentifier
		}
		p.PacketID = uint16(id)
		r.claims = c.inbox.claims(filters)
		c.buf = p.AppendTo(c.buf, c.cfg.Version)
		r.sent = true
		return nil
	})
	if err != nil {
		return err
	}
	return r.refusals(packets.TypeUnsuback)
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
