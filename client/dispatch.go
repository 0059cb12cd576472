package client

import (
	"errors"
	"log/slog"
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
	in       flow.Receiver
	claims   claims
	pull     *queue // for Receive
	fallback *queue // for what matches nothing, may be nil
	queued   int    // cost of what waits
	over     bool   // no more messages come
}

func (b *inbox) init(c *Client) {
	b.claims.init(c.cfg.KeepSession)
	b.pull = newPulled()
	if c.cfg.Handler != nil {
		b.fallback = c.newQueue(c.cfg.Handler)
	}
}

// arrival is a PUBLISH that has come in.
type arrival struct {
	publish *packets.Publish
	topic   []byte
	first   byte
	body    []byte
	version packets.Version
	receipt flow.Receipt
	cost    int
	stray   bool // nobody has claimed it
}

// route puts x into the queue of each subscription that matches, once.
func (c *Client) route(l *link, x *arrival) {
	r := c.claims.routes.match(x.topic)
	queues := r.queues
	if ids := x.publish.Props.SubscriptionIdentifiers(); len(ids) > 0 {
		queues = c.claims.identified(ids, queues)
	}
	switch {
	case len(queues) > 0:
	case c.fallback != nil:
		queues = []*queue{c.fallback}
	case l.connack.SessionPresent: // a subscription of an earlier Client, perhaps of the next one of this
		queues = []*queue{c.pull}
		x.stray = true
	default: // [MQTT-4.5.0-2]
		c.accept(x.receipt, packets.Success)
		return
	}
	var shared *share
	if len(queues) > 1 {
		shared = &share{pending: len(queues)}
	}
	for _, q := range queues {
		c.put(q, r.topic, x, shared)
	}
}

func (c *Client) put(q *queue, topic string, x *arrival, s *share) {
	c.queued += x.cost
	q.waiting.add(topic, x, s)
	q.start()
}

// serve calls the handler of q until there is nothing for it.
func (c *Client) serveQueue(q *queue) {
	for {
		c.mu.Lock()
		q.waiting, q.taken = q.taken, q.waiting
		more := len(q.taken.records) > 0
		q.running = more
		c.mu.Unlock()
		if !more {
			return
		}
		freed := 0
		for i := range q.taken.records {
			r := &q.taken.records[i]
			freed += r.cost
			more := i < len(q.taken.records)-1
			if c.handle(q, r); r.due() || !more || freed >= pauseAt/16 {
				c.handled(q, r, freed, more)
				freed = 0
			}
		}
		q.taken.reset()
	}
}

// handle calls the handler for r, unless nothing is to be handled any more.
func (c *Client) handle(q *queue, r *record) {
	m := &q.message
	if r.held = c.left.Load(); r.held {
		return
	}
	if r.err = q.taken.read(r, m); r.err == nil {
		m.c, m.record = c, r
		r.err = c.call(q.handler, m)
	}
	*m = Message{}
}

// call calls a handler, with the hook around it.
func (c *Client) call(handler Handler, m *Message) error {
	hook := c.cfg.Hooks.Handle
	if hook == nil {
		return c.callAlone(handler, m)
	}
	return c.callAlone(func(m *Message) error {
		done := hook(m)
		err := c.callAlone(handler, m)
		if done != nil {
			done(err)
		}
		return err
	}, m)
}

// callAlone turns a panic into an error.
func (c *Client) callAlone(handler Handler, m *Message) (err error) {
	topic, returned := m.Topic, false
	defer func() {
		if !returned {
			reason := recover() // nil after runtime.Goexit
			c.cfg.Logger.Error("handler panics", "topic", topic, "panic", reason, "stack", string(debug.Stack()))
			err = errHandler
		}
	}()
	err = handler(m)
	returned = true
	return err
}

// handled frees the memory of messages of q, of which r is the last, and acknowledges
// r. There is more if the handler is called again at once.
func (c *Client) handled(q *queue, r *record, freed int, more bool) {
	c.mu.Lock()
	c.queued -= freed
	if r.due() {
		c.conclude(r.receipt, r.share, r.err)
	}
	l := c.link
	if l == nil {
		c.mu.Unlock()
		return
	}
	paused := l.paused
	if more && len(l.buf) > 0 {
		l.pushLater()
	}
	c.mu.Unlock()
	if !more {
		l.push()
	}
	if paused {
		nudge(l.gate)
	}
}

// conclude is for a message that is handled by one of those who have it, with Client.mu.
func (c *Client) conclude(receipt flow.Receipt, s *share, err error) {
	if s != nil {
		s.err = errors.Join(s.err, err)
		if s.pending--; s.pending > 0 {
			return
		}
		err = s.err
	}
	if err == nil {
		c.accept(receipt, packets.Success)
		return
	}
	var refused *RefusedError
	switch {
	case errors.As(err, &refused) && refused.Reason >= packets.UnspecifiedError:
		c.accept(receipt, refused.Reason)
	default:
		c.renew(receipt, err)
	}
}

// renew ends the connection of a message that could not be handled: on the next one
// the server sends it again, if it has the session.
func (c *Client) renew(receipt flow.Receipt, err error) {
	c.log(slog.LevelWarn, "handler failed", "err", err)
	if _, _, awaited := c.in.Awaits(receipt); !awaited {
		return // its connection has ended already
	}
	if c.targets != nil && !c.sessionLasts() {
		c.accept(receipt, packets.UnspecifiedError) // it does not come again
		return
	}
	if l := c.link; l != nil {
		go l.give(packets.UnspecifiedError, err)
	}
}

// acknowledge appends the acknowledgements whose turn it is.
func (c *Client) acknowledge() {
	l := c.link
	if l == nil {
		return
	}
	for !l.closing {
		a, ok := c.in.Next()
		if !ok {
			return
		}
		l.owed++
		reason := a.Reason
		if !reason.ValidIn(packets.TypePuback, packets.V5) {
			reason = packets.UnspecifiedError
		}
		switch a.QoS {
		case packets.AtLeastOnce: // [MQTT-4.3.2-4]
			p := packets.Puback{PacketID: uint16(a.ID), Reason: reason}
			l.buf = p.AppendTo(l.buf, l.version)
		default: // [MQTT-4.3.3-8]
			p := packets.Pubrec{PacketID: uint16(a.ID), Reason: reason}
			l.buf = p.AppendTo(l.buf, l.version)
		}
	}
}
