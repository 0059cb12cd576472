package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/fletchmq/fletch/packets"
)

var errNoIdentifier = errors.New("all packet identifiers are in use")

// Publish publishes m. It returns nil when the message is handed to the operating
// system, at QoS 0; when the server has acknowledged it, at QoS 1; and when the
// exchange is complete, at QoS 2. While there is no connection, no room, or the
// server's Receive Maximum is used up, it waits. If the connection ends it goes on
// with the next one, so that a message at QoS 1 may arrive more than once. The slices
// of m may be used again when it returns.
//
// If ctx ends while the message waits, that is an [ErrNotSent], later an
// [ErrUnknown]; what has been sent goes on on its own. A message that the server
// refuses, or has said in CONNACK that it would, is a [*RefusedError]. If the server
// loses the session, a message at QoS 2 that was sent is an [ErrUnknown].
func (c *Client) Publish(ctx context.Context, m Message) error {
	c.waiting.Add(1)
	defer c.waiting.Add(-1)
	return c.publish(ctx, m)
}

// publish is Publish for who has been counted in Client.waiting.
func (c *Client) publish(ctx context.Context, m Message) error {
	if c.cfg.Hooks.Publish != nil {
		m = c.hooked(ctx, m)
	}
	p := c.idle.get()
	defer c.idle.put(p)
	if err := c.prepare(p, &m); err != nil {
		return err
	}
	if c.cfg.Store != nil && m.QoS > packets.AtMostOnce {
		if err := c.makeRoom(ctx, p); err != nil {
			return failed(ErrNotSent, err)
		}
	}
	l, err := c.offer(ctx, p)
	if err != nil {
		c.giveRoom(p)
		return err
	}
	l.hurry(c.waiting.Load() == 1)
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return c.abandon(p, ended(ctx))
	}
}

// hooked is m as Hooks.Publish has left it. What it adds to the user properties is not
// written behind those of the caller, who may publish them elsewhere at the same time.
func (c *Client) hooked(ctx context.Context, m Message) Message {
	if all := m.Props.UserProperties(); len(all) > 0 {
		m.Props.SetUserProperties(all)
	}
	c.cfg.Hooks.Publish(ctx, &m)
	return m
}

// idle is what Publish uses again and again: of one Client, as their channels are of
// its synctest bubble.
type idle struct{ pool sync.Pool }

func (i *idle) get() *publishing {
	if p, ok := i.pool.Get().(*publishing); ok {
		return p
	}
	return &publishing{done: make(chan error, 1)}
}

// put takes p back, unless it goes on without its caller.
func (i *idle) put(p *publishing) {
	if !p.alone {
		*p = publishing{done: p.done}
		i.pool.Put(p)
	}
}

// prepare makes p of m, whose memory it shares.
func (c *Client) prepare(p *publishing, m *Message) error {
	p.publish = packets.Publish{
		QoS: m.QoS, Retain: m.Retain, Topic: bytesOf(m.Topic), Props: m.Props, Payload: m.Payload,
		PacketID: 1, // until one is assigned
	}
	return checkPublish(&p.publish, c.cfg.Version)
}

// offer queues p to be sent. It gives the connection, nil if there is none.
func (c *Client) offer(ctx context.Context, p *publishing) (*link, error) {
	err := ended(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closing:
		return nil, failed(ErrNotSent, c.reasonLocked())
	case err != nil:
		return nil, failed(ErrNotSent, err)
	}
	l := c.link
	if l != nil {
		if err := l.limits.checkPublish(&p.publish, l.version); err != nil {
			return nil, err
		}
		if l.paused {
			nudge(l.gate) // the answer stands behind what is held back
		}
	}
	c.enqueue(p)
	return l, nil
}

// enqueue has p sent when its turn comes, and with a Store when it is stored.
func (c *Client) enqueue(p *publishing) {
	c.turns++
	p.turn = c.turns
	switch {
	case p.publish.QoS == packets.AtMostOnce:
		c.quick.push(p)
	case c.cfg.Store != nil:
		c.storeMessage(p)
		return
	default:
		c.tracked.push(p)
	}
	if l := c.link; l != nil {
		c.pump(l)
	}
}

// hurry has what waits written: at once if nobody else has anything to wait for, and
// so nothing is gained by waiting for them.
func (l *link) hurry(alone bool) {
	switch {
	case l == nil:
	case alone:
		l.push()
	default:
		nudge(l.wake)
	}
}

// abandon takes back p, if it is not sent. What is sent runs its course, without
// anyone to tell.
func (c *Client) abandon(p *publishing, cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case err := <-p.done:
		return err
	default:
	}
	if !p.sent && p.queue != nil {
		p.queue.remove(p)
		c.unstore(p)
		c.freeRoom(p)
		return failed(ErrNotSent, c.offline(cause))
	}
	p.keep()
	p.alone = true
	return failed(ErrUnknown, c.offline(cause))
}

// offline is cause, and if there is no connection why. That is words only, lest it be
// taken for the answer to what was asked. It is called with Client.mu.
func (c *Client) offline(cause error) error {
	if c.link != nil || c.cause == nil {
		return cause
	}
	return fmt.Errorf("%w, and no connection: %v", cause, c.cause)
}

// finish gives p its outcome.
func (c *Client) finish(p *publishing, err error) {
	c.unstore(p)
	left := p.key != 0 // to the next process
	c.freeRoom(p)
	memory := p.memory
	p.memory = nil
	switch {
	case p.handle != nil:
		p.publish = packets.Publish{}
		p.handle.complete(err)
	case p.alone:
		if err != nil && !left {
			c.log(slog.LevelWarn, "message not published", "topic", string(p.publish.Topic), "err", err)
		}
	default:
		p.done <- err
	}
	if memory != nil {
		memory.Release()
	}
}

// lose is for messages at QoS 0 that were being written when the connection ended.
func (c *Client) lose(all []*publishing) {
	unknown := failed(ErrUnknown, c.reasonLocked())
	for _, p := range all {
		c.finish(p, unknown)
	}
}
