package client

import (
	"context"
	"runtime/debug"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// Of messages that wait to be handled, in bytes.
const (
	pauseAt = 1 << 20  // the transport is held back, unless a request waits
	dropAt  = 16 << 20 // QoS 0 is dropped
	endAt   = 64 << 20 // the connection ends

	messageCost = 256 // of memory, besides its packet
)

// inbox is the messages not handled yet, and who wants them. Client.mu guards it.
type inbox struct {
	exact    map[string]*claim // by topic filter without wildcards
	wild     map[string]*claim // by all others
	pull     *queue            // for Receive
	fallback *queue            // for what matches nothing, may be nil
	queued   int               // cost of what waits
	dropped  uint64
	arrived  chan struct{} // wakes a Receive; room for one
}

// queue is the messages for one handler, or for Receive.
type queue struct {
	handler Handler
	waiting []*delivery
	running bool      // a goroutine calls the handler
	last    *delivery // the last one put in
}

// delivery is a message on its way to one or more queues.
type delivery struct {
	message Message
	receipt flow.Receipt
	cost    int
	pending int // queues that are not done with it
}

func (b *inbox) init(fallback Handler) {
	b.exact, b.wild = make(map[string]*claim), make(map[string]*claim)
	b.pull = new(queue)
	if fallback != nil {
		b.fallback = &queue{handler: fallback}
	}
	b.arrived = make(chan struct{}, 1)
}

// route puts d into the queue of each subscription that matches, once.
func (c *Client) route(d *delivery) {
	if claim := c.exact[d.message.Topic]; claim != nil {
		c.put(claim.queue, d)
	}
	for filter, claim := range c.wild {
		if q := claim.queue; q.last != d && packets.MatchTopic(filter, d.message.Topic) {
			c.put(q, d)
		}
	}
	switch {
	case d.pending > 0:
	case c.fallback != nil:
		c.put(c.fallback, d)
	case c.connack.SessionPresent:
		c.put(c.pull, d)
	default: // [MQTT-4.5.0-2]
		c.in.Done(d.receipt, packets.Success)
		c.acknowledge()
	}
}

func (c *Client) put(q *queue, d *delivery) {
	if d.pending++; d.pending == 1 {
		c.queued += d.cost
	}
	q.last = d
	q.waiting = append(q.waiting, d)
	switch {
	case q == c.pull:
		nudge(c.arrived)
	case !q.running:
		q.running = true
		go c.serve(q)
	}
}

// take is the next message of q, or nil.
func (c *Client) take(q *queue) *delivery {
	for len(q.waiting) > 0 {
		d := q.waiting[0]
		q.waiting[0] = nil
		if q.waiting = q.waiting[1:]; len(q.waiting) == 0 {
			q.waiting, q.last = nil, nil
		}
		again := c.over && c.cfg.KeepSession && d.message.QoS != packets.AtMostOnce // the server sends it again
		if !c.left && !again {
			return d
		}
	}
	return nil
}

// serve calls a handler until there is nothing for it.
func (c *Client) serve(q *queue) {
	for {
		c.mu.Lock()
		d := c.take(q)
		q.running = d != nil
		c.mu.Unlock()
		if d == nil || !c.call(q.handler, d.message) {
			return
		}
		c.delivered(d)
	}
}

// call is false if the handler has not returned.
func (c *Client) call(handler Handler, m Message) (ok bool) {
	defer func() {
		if ok {
			return
		}
		// What is not handled must come again, so there is no going on.
		reason := recover() // nil after runtime.Goexit
		c.cfg.Logger.Error("handler panics", "topic", m.Topic, "panic", reason, "stack", string(debug.Stack()))
		c.leave(packets.UnspecifiedError, errHandler)
	}()
	handler(&m)
	return true
}

// delivered acknowledges d when all who had it are done with it.
func (c *Client) delivered(d *delivery) {
	c.mu.Lock()
	if d.pending--; d.pending == 0 {
		c.queued -= d.cost
		c.in.Done(d.receipt, packets.Success)
		c.acknowledge()
	}
	c.mu.Unlock()
	nudge(c.wake)
	nudge(c.gate)
}

// acknowledge appends the acknowledgements whose turn it is.
func (c *Client) acknowledge() {
	for !c.closing {
		a, ok := c.in.Next()
		if !ok {
			return
		}
		c.owed++
		switch a.QoS {
		case packets.AtLeastOnce: // [MQTT-4.3.2-4]
			p := packets.Puback{PacketID: uint16(a.ID), Reason: a.Reason}
			c.buf = p.AppendTo(c.buf, c.cfg.Version)
		default: // [MQTT-4.3.3-8]
			p := packets.Pubrec{PacketID: uint16(a.ID), Reason: a.Reason}
			c.buf = p.AppendTo(c.buf, c.cfg.Version)
		}
	}
}

// Receive waits for the next message of the subscriptions that have no handler,
// acknowledges it and returns it. What had come before the connection ended can
// still be received; behind that the error is Err, an [ErrClosed]. If ctx ends
// first, it is that of ctx.
func (c *Client) Receive(ctx context.Context) (*Message, error) {
	for {
		c.mu.Lock()
		d := c.take(c.pull)
		more, over := len(c.pull.waiting) > 0, c.over
		c.mu.Unlock()
		if more {
			nudge(c.arrived)
		}
		if d != nil {
			c.delivered(d)
			m := d.message
			return &m, nil
		}
		if over {
			return nil, c.Err()
		}
		select {
		case <-c.arrived:
		case <-c.done:
		case <-ctx.Done():
			return nil, ended(ctx)
		}
	}
}

// Dropped is how many messages of QoS 0 were dropped because too much waited to
// be handled.
func (c *Client) Dropped() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dropped
}
