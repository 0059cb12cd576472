package client

import (
	"context"
	"slices"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// request is something asked of the server: SUBSCRIBE, UNSUBSCRIBE or PINGREQ. The
// first two go on with the next connection, where they are asked again.
type request struct {
	kind packets.Type
	done chan error // gets the outcome, once; room for it
	sent bool       // it is in the bytes to be written, or further; under Client.mu
	id   flow.OutID

	subscriptions []Subscription // of SUBSCRIBE
	filters       []string       // of both
	claims        []*claim       // those it makes, or those it ends
	identifier    uint32         // of the subscriptions
	again         bool           // nobody waits: the server has lost the session
	codes         []packets.ReasonCode
	detail        string
}

func newRequest(kind packets.Type) *request {
	return &request{kind: kind, done: make(chan error, 1)}
}

// Ping sends a PINGREQ and waits for its PINGRESP. Without a connection it waits for
// one. If the connection ends meanwhile, the error is an [ErrUnknown].
func (c *Client) Ping(ctx context.Context) error {
	if err := c.awaitUp(ctx); err != nil {
		return failed(ErrNotSent, err)
	}
	r := newRequest(packets.TypePingreq)
	return c.do(ctx, r, func(l *link) error {
		if l == nil {
			return c.reasonLocked()
		}
		r.sent = true
		l.sendPing(r)
		return nil
	})
}

// do begins r by start, which is called with Client.mu, and with nil if there is no
// connection. It waits for the outcome.
func (c *Client) do(ctx context.Context, r *request, start func(l *link) error) error {
	c.waiting.Add(1)
	defer c.waiting.Add(-1)
	err := ended(ctx)
	c.mu.Lock()
	l, closing := c.link, c.closing
	if err == nil && !closing {
		err = start(l)
	}
	c.mu.Unlock()
	switch {
	case closing:
		return failed(ErrNotSent, c.reason())
	case err != nil:
		return failed(ErrNotSent, err)
	case l != nil:
		l.nudge()
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return c.abandonRequest(r, ended(ctx))
	}
}

// abandonRequest takes back r, if it is not sent. What is sent runs its course.
func (c *Client) abandonRequest(r *request, cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case err := <-r.done:
		return err
	default:
	}
	if i := slices.Index(c.requests, r); i >= 0 && !r.sent {
		c.requests = slices.Delete(c.requests, i, i+1)
		c.withdraw(r)
		return failed(ErrNotSent, c.offline(cause))
	}
	return failed(ErrUnknown, c.offline(cause))
}

// ask sends r, or keeps it for the next connection.
func (c *Client) ask(l *link, r *request) error {
	if l == nil {
		c.requests = append(c.requests, r)
		return nil
	}
	id, ok := c.out.Request(exchange{r: r})
	if !ok {
		return errNoIdentifier
	}
	r.id = id
	return c.sendRequest(l, r)
}

// sendRequest sends r, for which there is an identifier.
func (c *Client) sendRequest(l *link, r *request) error {
	var p packets.Packet
	var err error
	if r.kind == packets.TypeSubscribe {
		s := subscribe(r.subscriptions, uint16(r.id))
		if l.limits.identifiers && l.version == packets.V5 {
			s.Props.SetSubscriptionIdentifier(r.identifier)
		}
		p, err = s, l.limits.checkSubscribe(s, l.version)
	} else {
		u := unsubscribe(r.filters, uint16(r.id))
		p, err = u, l.limits.checkSize(u, l.version)
	}
	if err != nil {
		c.out.Reply(r.id)
		return err
	}
	l.buf = p.AppendTo(l.buf, l.version)
	r.sent = true
	return nil
}

// askAgain sends the requests that an earlier connection has sent without an answer.
func (c *Client) askAgain(l *link) {
	for e := range c.out.All() {
		if r := e.M.r; r != nil {
			if err := c.sendRequest(l, r); err != nil {
				c.withdraw(r)
				r.done <- err
			}
		}
	}
}

// sendRequests sends the requests that wait for a connection.
func (c *Client) sendRequests(l *link) {
	all := c.requests
	c.requests = nil
	for _, r := range all {
		if err := c.ask(l, r); err != nil {
			c.withdraw(r)
			r.done <- err
		}
	}
}

// withdraw undoes what r has claimed.
func (c *Client) withdraw(r *request) {
	if r.kind == packets.TypeSubscribe {
		for i, filter := range r.filters {
			c.subscribed(filter, r.claims[i], false)
		}
	}
}
