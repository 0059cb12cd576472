package client

import (
	"context"
	"errors"

	"github.com/fletchmq/fletch/packets"
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
	wake chan struct{} // closed when it is over, nil unless Done was asked for
	wait *waiter       // those of Wait
}

// waiter is one call of Wait.
type waiter struct {
	over chan struct{} // room for one
	next *waiter
}

// PublishAsync accepts m and returns. The outcome is that which [Client.Publish]
// would return, and is the Delivery's. The slices of m are copied. With a Store, a
// message at QoS 1 or 2 is stored when PublishAsync returns: it will be published
// though the process ends, by the next one that has the Store. If ctx or the Client ends
// before it is stored, that is an [ErrUnknown], and the message may be published.
//
// If as many messages are on their way as Config allows, it does what Config.WhenFull
// says. The error is an [ErrInvalid], an [ErrNotSent], or a [*RefusedError] for what
// the server has said in CONNACK that it would refuse. With a Store it is an
// [ErrUnknown] if ctx ends before the message is stored: it may be published all the
// same.
func (c *Client) PublishAsync(ctx context.Context, m Message) (*Delivery, error) {
	if c.cfg.Hooks.Publish != nil {
		m = c.hooked(ctx, m)
	}
	d := &Delivery{c: c}
	d.handle = d
	p := &d.publishing
	if err := c.prepare(p, &m); err != nil {
		return nil, err
	}
	if err := c.makeRoom(ctx, p); err != nil {
		return nil, failed(ErrNotSent, err)
	}
	p.keep()
	c.waiting.Add(1)
	l, err := c.offer(ctx, p)
	if err != nil {
		c.waiting.Add(-1)
		c.giveRoom(p)
		p.memory.Release()
		return nil, err
	}
	if m.QoS > packets.AtMostOnce {
		if err := c.awaitCommits(ctx); err != nil {
			return nil, failed(ErrUnknown, err)
		}
	}
	l.hurry(false)
	return d, nil
}

// makeRoom counts p, when there is room for it.
func (c *Client) makeRoom(ctx context.Context, p *publishing) error {
	cost := len(p.publish.Topic) + len(p.publish.Payload) + propertyBytes(&p.publish.Props) + messageCost
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
			p.cost = cost
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
		if err := c.awaitRoom(ctx); err != nil {
			return err
		}
	}
}

// awaitRoom waits until there may be room, which comes with what the server sends.
func (c *Client) awaitRoom(ctx context.Context) error {
	c.waiting.Add(1)
	defer c.waiting.Add(-1)
	c.mu.Lock()
	if l := c.link; l != nil {
		nudge(l.gate)
	}
	c.mu.Unlock()
	select {
	case <-c.space:
		return nil
	case <-c.ctx.Done():
		return c.reason()
	case <-ctx.Done():
		return ended(ctx)
	}
}

// giveRoom takes p back, which is not to be sent.
func (c *Client) giveRoom(p *publishing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.freeRoom(p)
}

// freeRoom is giveRoom with Client.mu.
func (c *Client) freeRoom(p *publishing) {
	if p.cost > 0 {
		c.kept--
		c.bytes -= p.cost
		p.cost = 0
		nudge(c.space)
	}
}

// dropOldest drops the message that has waited longest. It is false if all have been
// sent.
func (c *Client) dropOldest() bool {
	var oldest *publishing
	for _, w := range []*waiting{&c.tracked, &c.quick} {
		p := w.first
		for p != nil && (p.cost == 0 || p.sent) {
			p = p.next
		}
		if p != nil && (oldest == nil || p.turn < oldest.turn) {
			oldest = p
		}
	}
	if oldest == nil {
		return false
	}
	oldest.queue.remove(oldest)
	c.counts.dropped++
	c.finish(oldest, failed(ErrNotSent, ErrFull))
	return true
}

// complete is with Client.mu.
func (d *Delivery) complete(err error) {
	d.over, d.err = true, err
	d.c.waiting.Add(-1)
	if d.wake != nil {
		close(d.wake)
	}
	for w := d.wait; w != nil; w = w.next {
		w.over <- struct{}{}
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
	if d.over {
		defer d.c.mu.Unlock()
		return d.err
	}
	w, ok := d.c.waiters.Get().(*waiter)
	if !ok {
		w = &waiter{over: make(chan struct{}, 1)}
	}
	w.next, d.wait = d.wait, w
	d.c.mu.Unlock()
	select {
	case <-w.over:
		err := d.Err()
		d.c.waiters.Put(w)
		return err
	case <-ctx.Done():
		d.leave(w)
		return ended(ctx)
	}
}

// leave takes w from those who wait.
func (d *Delivery) leave(w *waiter) {
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	for at := &d.wait; *at != nil; at = &(*at).next {
		if *at == w {
			*at = w.next
			return
		}
	}
}
