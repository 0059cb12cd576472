package client

import (
	"context"
	"errors"
)

// Full says what PublishAsync does when MaximumQueued or MaximumQueuedBytes is
// reached.
type Full uint8

// What there is to do.
const (
	Wait       Full = iota // for room, or the end of the context
	Refuse                 // with an error that is ErrNotSent and ErrFull
	DropOldest             // what has waited longest: its Delivery is over with ErrNotSent and ErrFull
)

// ErrFull is that there is no room for a message.
var ErrFull = errors.New("MaximumQueued or MaximumQueuedBytes is reached")

// Delivery is a message that [Client.PublishAsync] has accepted. It is over once, and
// not before the QoS says so.
type Delivery struct {
	publishing
	c    *Client
	over bool
	err  error
	wake chan struct{} // closed when it is over, nil while nobody waits
}

// PublishAsync accepts m and returns. The outcome is that which [Client.Publish]
// would return, and is the Delivery's. The slices of m are copied. With a Store, a
// message at QoS 1 or 2 is stored when PublishAsync returns: it will be published
// though the process ends, by the next one that has the Store.
//
// If as many messages are on their way as Config allows, it does what Config.WhenFull
// says. The error is an [ErrInvalid], an [ErrNotSent], or a [*RefusedError] for what
// the server has said in CONNACK that it would refuse.
func (c *Client) PublishAsync(ctx context.Context, m Message) (*Delivery, error) {
	if h := c.cfg.Hooks.Publish; h != nil {
		h(ctx, &m)
	}
	d := &Delivery{c: c}
	d.handle = d
	p := &d.publishing
	if err := c.prepare(p, &m); err != nil {
		return nil, err
	}
	cost := len(m.Topic) + len(m.Payload) + propertyBytes(&m.Props) + messageCost
	if err := c.makeRoom(ctx, cost); err != nil {
		return nil, failed(ErrNotSent, err)
	}
	p.cost = cost
	p.keep()
	if err := c.offer(ctx, p); err != nil {
		c.giveRoom(cost)
		p.memory.Release()
		return nil, err
	}
	c.waiting.Add(1)
	if err := c.awaitStored(ctx, p); err != nil {
		return nil, err
	}
	c.hurry(false)
	return d, nil
}

// makeRoom counts a message that costs so much.
func (c *Client) makeRoom(ctx context.Context, cost int) error {
	for {
		c.mu.Lock()
		full := c.kept > 0 && (c.kept >= c.cfg.MaximumQueued || c.bytes+cost > c.cfg.MaximumQueuedBytes)
		if full && c.cfg.WhenFull == DropOldest && c.dropOldest() {
			c.mu.Unlock()
			continue
		}
		if !full {
			c.kept++
			c.bytes += cost
		}
		more := c.kept < c.cfg.MaximumQueued && c.bytes < c.cfg.MaximumQueuedBytes
		closing := c.closing
		c.mu.Unlock()
		switch {
		case !full:
			if more {
				nudge(c.space) // for who else waits
			}
			return nil
		case closing:
			return c.reason()
		case c.cfg.WhenFull != Wait:
			return ErrFull
		}
		select {
		case <-c.space:
		case <-c.ctx.Done():
			return c.reason()
		case <-ctx.Done():
			return ended(ctx)
		}
	}
}

func (c *Client) giveRoom(cost int) {
	c.mu.Lock()
	c.kept--
	c.bytes -= cost
	c.mu.Unlock()
	nudge(c.space)
}

// dropOldest drops the first message that waits. It is false if all have been sent.
func (c *Client) dropOldest() bool {
	for _, w := range []*waiting{&c.tracked, &c.quick} {
		for p := w.first; p != nil; p = p.next {
			if p.cost > 0 && !p.sent {
				w.remove(p)
				c.counts.dropped++
				c.finish(p, failed(ErrNotSent, ErrFull))
				return true
			}
		}
	}
	return false
}

// complete is with Client.mu.
func (d *Delivery) complete(err error) {
	d.over, d.err = true, err
	d.c.waiting.Add(-1)
	if d.wake != nil {
		close(d.wake)
	}
}

// Done is closed when the delivery is over.
func (d *Delivery) Done() <-chan struct{} {
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	if d.wake == nil {
		d.wake = make(chan struct{})
		if d.over {
			close(d.wake)
		}
	}
	return d.wake
}

// Err is the outcome, and nil before Done is closed.
func (d *Delivery) Err() error {
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	return d.err
}

// Wait waits for the outcome and returns it. If ctx ends first, it is that of ctx,
// and the delivery goes on.
func (d *Delivery) Wait(ctx context.Context) error {
	d.c.mu.Lock()
	over, err := d.over, d.err
	d.c.mu.Unlock()
	if over {
		return err
	}
	select {
	case <-d.Done():
		return d.Err()
	case <-ctx.Done():
		return ended(ctx)
	}
}
