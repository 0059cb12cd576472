package client

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/fletchmq/fletch/packets"
)

// Receive waits for the next message of the subscriptions that have no handler,
// acknowledges it and returns it; it is the caller's. What had come before the Client
// was closed can still be received; behind that the error is Err, an [ErrClosed]. If
// ctx ends first, it is that of ctx.
//
// Who waits for a message does not wait for an answer: if that is a handler, what has
// come behind its own message may hold back the transport, and with it what it waits for.
func (c *Client) Receive(ctx context.Context) (*Message, error) {
	for {
		c.mu.Lock()
		r := c.next(c.pull)
		if r == nil {
			c.mu.Unlock()
			if err := c.await(ctx, c.pull); err != nil {
				return nil, err
			}
			continue
		}
		var view Message
		err := c.pull.taken.read(r, &view)
		m := view.Clone()
		c.free(r.cost)
		if r.due() {
			c.conclude(r.receipt, r.share, err)
		}
		if c.pull.more() {
			nudge(c.pull.arrived)
		}
		l, stored := c.link, c.isStored(r)
		c.mu.Unlock()
		if l != nil {
			l.push()
		}
		c.awaitHandled(stored)
		return m, err
	}
}

// Messages subscribes to the filters, at any QoS, and iterates over their messages in
// the order of arrival, until ctx ends, the Client is closed or the loop is left; then
// it unsubscribes. An error comes last, with no message.
//
// A message and its bytes are good until the body of the loop ends, when the message is
// acknowledged, unless [Message.Hold] has put that off. What has arrived when the loop
// is left is acknowledged without being seen.
func (c *Client) Messages(ctx context.Context, filters ...string) iter.Seq2[*Message, error] {
	var all []Subscription
	for _, f := range filters {
		all = append(all, Subscription{Filter: f, QoS: packets.ExactlyOnce})
	}
	return c.MessagesAll(ctx, all...)
}

// MessagesAll is Messages of these subscriptions.
func (c *Client) MessagesAll(ctx context.Context, subscriptions ...Subscription) iter.Seq2[*Message, error] {
	subscriptions = slices.Clone(subscriptions)
	return func(yield func(*Message, error) bool) {
		q := newPulled()
		defer c.giveUp(ctx, q, subscriptions)
		if _, err := c.subscribeTo(ctx, q, subscriptions); err != nil {
			yield(nil, err)
			return
		}
		for {
			c.mu.Lock()
			r := c.next(q)
			c.mu.Unlock()
			if r != nil {
				if !c.yield(q, r, yield) {
					return
				}
				continue
			}
			if err := c.await(ctx, q); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// yield gives r to the body of a loop, and acknowledges it.
func (c *Client) yield(q *queue, r *record, yield func(*Message, error) bool) (more bool) {
	var m Message
	if r.err = q.taken.read(r, &m); r.err == nil {
		m.c, m.record = c, r
		returned := false
		defer func() {
			if !returned {
				r.err = errHandler // it panics on, and r is not acknowledged
			}
			c.handled(q, r, r.cost, q.next < len(q.taken.records))
			c.awaitHandled(c.isStored(r))
		}()
		more = yield(&m, nil)
		returned = true
	}
	return more
}

// next is the next message of a queue without a handler, nil if there is none.
func (c *Client) next(q *queue) *record {
	for !c.left.Load() {
		if q.next == len(q.taken.records) {
			q.taken.reset()
			q.waiting, q.taken, q.next = q.taken, q.waiting, 0
			if len(q.taken.records) == 0 {
				return nil
			}
		}
		r := &q.taken.records[q.next]
		q.next++
		switch {
		case c.comesAgain(r):
			c.conclude(r.receipt, r.share, errAgain)
		case c.over && c.cfg.KeepSession && r.due(): // the server sends it again
		default:
			return r
		}
		c.free(r.cost)
	}
	return nil
}

// free gives back what a message has cost, which the reader may wait for.
func (c *Client) free(cost int) {
	c.queued -= cost
	if l := c.link; l != nil && l.paused {
		nudge(l.gate)
	}
}

// more reports whether there is a next message, with Client.mu.
func (q *queue) more() bool { return q.next < len(q.taken.records) || len(q.waiting.records) > 0 }

// await waits until there may be a message.
func (c *Client) await(ctx context.Context, q *queue) error {
	c.mu.Lock()
	over, changed := c.over, c.changed
	c.mu.Unlock()
	if over {
		return c.Err()
	}
	select {
	case <-q.arrived:
	case <-changed:
	case <-ctx.Done():
		return ended(ctx)
	}
	return nil
}

// giveUp ends the subscriptions of a loop that is left. Without a connection that waits
// for the next one, and the loop does not.
func (c *Client) giveUp(ctx context.Context, q *queue, subscriptions []Subscription) {
	c.mu.Lock()
	filters := c.filtersOf(q, subscriptions)
	c.mu.Unlock()
	var err error
	if len(filters) > 0 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err = c.Unsubscribe(ctx, filters...); err != nil {
			c.cfg.Logger.Warn("cannot unsubscribe", "filters", filters, "err", err)
		}
	}
	c.mu.Lock()
	if filters = c.filtersOf(q, subscriptions); errors.Is(err, ErrNotSent) && !c.closing && len(filters) > 0 {
		r := newRequest(packets.TypeUnsubscribe) // nobody waits for it
		r.filters, r.claims = filters, c.claims.tops(filters)
		c.ask(c.link, r)
	}
	q.at = func(*Message) {} // what still comes
	for r := c.next(q); r != nil; r = c.next(q) {
		c.free(r.cost)
		if r.due() {
			c.conclude(r.receipt, r.share, nil)
		}
	}
	l := c.link
	c.mu.Unlock()
	if l != nil {
		l.push()
	}
}

// filtersOf are those of the subscriptions that q still has.
func (c *Client) filtersOf(q *queue, subscriptions []Subscription) (filters []string) {
	for _, s := range subscriptions {
		if top := c.claims.piles[s.Filter]; top != nil && top.queue == q {
			filters = append(filters, s.Filter)
		}
	}
	return filters
}
