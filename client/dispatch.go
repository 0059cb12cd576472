package client

import (
	"errors"
	"log/slog"
	"sync/atomic"

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
	pull     *queue        // for Receive
	fallback *queue        // for what matches nothing, may be nil
	queued   int           // cost of what waits
	links    uint32        // connections so far
	refused  atomic.Uint32 // what has come on them so far, and is not handled, comes again
	over     bool          // no more messages come
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
	link    uint32 // see inbox.links
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
	case c.foreign(l, x.topic):
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

// foreign reports whether a message that matches nothing may be of a subscription of an
// earlier Client, and perhaps of the next one of this. After Unsubscribe the server may
// still send what it had [MQTT-3.10.4-3], which is of neither.
func (c *Client) foreign(l *link, topic []byte) bool {
	return c.cfg.KeepSession && l.goesOn() && len(c.claims.former.match(topic).queues) == 0
}

func (c *Client) put(q *queue, topic string, x *arrival, s *share) {
	if q.at != nil {
		m := messageOf(x.publish, topic)
		q.at(&m)
		c.conclude(x.receipt, s, nil)
		return
	}
	c.queued += x.cost
	q.waiting.add(topic, x, s)
	q.start()
}

// serveQueue calls the handler of q until there is nothing for it.
func (c *Client) serveQueue(q *queue) {
	over := false
	defer func() {
		if !over { // the handler has ended the goroutine
			c.concludeHandled(q)
			go q.run()
		}
	}()
	for q.next < len(q.taken.records) || c.refill(q) {
		r := &q.taken.records[q.next]
		q.next++
		q.freed += r.cost
		c.handle(q, r)
		c.concludeHandled(q)
	}
	over = true
}

// refill has the messages that wait handled next. It is false if there are none.
func (c *Client) refill(q *queue) bool {
	if q.next > 0 {
		q.taken.reset()
		q.next = 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	q.waiting, q.taken = q.taken, q.waiting
	q.running = len(q.taken.records) > 0
	return q.running
}

// concludeHandled is handled for the message that is, unless that can wait for others.
func (c *Client) concludeHandled(q *queue) {
	r, more := &q.taken.records[q.next-1], q.next < len(q.taken.records)
	if r.due() || !more || q.freed >= pauseAt/16 {
		c.handled(q, r, q.freed, more)
		c.awaitHandled(c.isStored(r))
		q.freed = 0
	}
}

// handle calls the handler for r, unless nothing is to be handled any more.
func (c *Client) handle(q *queue, r *record) {
	m := &q.message
	if r.held = c.left.Load(); r.held {
		return
	}
	if c.comesAgain(r) {
		r.err = errAgain
		return
	}
	if r.err = q.taken.read(r, m); r.err == nil {
		m.c, m.record = c, r
		r.err = errHandler // unless it returns
		r.err = c.call(q.handler, m)
	}
	if r.err != nil && r.err != errHandler && !r.due() { // nothing else comes of it
		c.cfg.Logger.Warn("handler failed", "err", r.err)
	}
	*m = Message{}
}

// comesAgain reports whether r is behind one that could not be handled, and so is sent
// again behind it.
func (c *Client) comesAgain(r *record) bool { return r.due() && r.link <= c.refused.Load() }

// handled frees the memory of messages of q, of which r is the last, and acknowledges
// r. There is more if the handler is called again at once.
func (c *Client) handled(q *queue, r *record, freed int, more bool) {
	c.mu.Lock()
	c.free(freed)
	if r.due() {
		c.conclude(r.receipt, r.share, r.err)
	}
	l := c.link
	if l == nil {
		c.mu.Unlock()
		return
	}
	if more && len(l.buf) > 0 {
		l.pushLater()
	}
	c.mu.Unlock()
	if !more {
		l.push()
	}
}

// isStored reports whether it is stored that r is handled.
func (c *Client) isStored(r *record) bool {
	return c.cfg.Store != nil && r.due() && packets.QoS(r.first>>1&3) == packets.ExactlyOnce
}

// awaitHandled waits, after a message that is stored, until it is: when the process is
// killed, no message comes again behind which another was given out.
func (c *Client) awaitHandled(stored bool) {
	if stored {
		c.awaitCommits(c.ctx)
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

// errAgain is for messages that are not handled, as they come again.
var errAgain = errors.New("an earlier message was not handled")

// renew ends the connection of a message that could not be handled: on the next one
// the server sends it again, if it has the session, and all that has come behind it, so
// that the order is kept.
func (c *Client) renew(receipt flow.Receipt, err error) {
	again := errors.Is(err, errAgain)
	if !again {
		c.log(slog.LevelWarn, "handler failed", "err", err)
	}
	if c.targets != nil && !c.sessionLasts() {
		c.accept(receipt, packets.UnspecifiedError) // it does not come again
		return
	}
	l, upTo := c.link, c.links
	_, _, awaited := c.in.Awaits(receipt)
	switch came := c.in.Retract(receipt); {
	case again && !came:
		return // the connection that it came on has ended, or is about to
	case !awaited && l != nil: // it came on an earlier one
		l, upTo = nil, c.links-1
	}
	c.refused.Store(max(upTo, c.refused.Load()))
	if l != nil {
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
