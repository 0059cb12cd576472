package client

import (
	"context"
	"log/slog"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// sessionLasts reports whether the session outlives a connection.
func (c *Client) sessionLasts() bool { return c.cfg.KeepSession || c.borrowsSession() }

// borrowsSession reports whether the server keeps the session from one connection to
// the next, though the Client begins with a clean one.
func (c *Client) borrowsSession() bool {
	return c.targets != nil && !c.cfg.KeepSession && c.version == packets.V5
}

// agree takes note of what the server has of the session, and waits until what goes on
// is as it is stored. If a session is lost, the server has a new one from then on: so the
// loss is not forgotten if the connection ends before resume, and what a next process
// would take for a part of the new session is out of the Store before there is any.
func (c *Client) agree(ctx context.Context, l *link) error {
	c.mu.Lock()
	if !l.goesOn() {
		c.lost = true // [MQTT-3.2.2-5]
		c.forgetHeld()
		c.in.Reset()
	}
	c.mu.Unlock()
	return c.awaitCommits(ctx)
}

// goesOn reports whether the session is one of an earlier connection. A server of 3.1
// does not say, and is taken to have kept what it was asked to keep.
func (l *link) goesOn() bool {
	return l.connack.SessionPresent || l.version == packets.V31 && !l.clean
}

// resume goes on with the session on a new connection, section 4.4.
func (c *Client) resume(l *link) {
	c.links++
	first, lost := !c.begun, c.lost
	c.begun, c.lost = true, false
	if lost {
		c.forget()
	}
	c.out.Resume(l.limits.receiveMaximum)
	receiveMaximum := c.cfg.ReceiveMaximum
	if l.version != packets.V5 {
		receiveMaximum = mostReceive
	}
	c.in.Resume(receiveMaximum)
	if !lost {
		c.askAgain(l)
	}
	if (lost || !l.connack.SessionPresent) && !first {
		c.subscribeAgain(l)
	}
	for id := range c.out.Releases() { // [MQTT-4.4.0-1] [MQTT3-4.4.0-1]
		l.pubrel(uint16(id), packets.Success)
	}
	c.sendRequests(l)
	c.pump(l)
	nudge(l.wake)
}

// forget is the end of a session that the server has lost. What was not acknowledged
// at QoS 1 is sent as new. At QoS 2 the server may have had it, and would take it for
// another message.
func (c *Client) forget() {
	var again []*publishing
	for e := range c.out.Reset() {
		switch {
		case e.M.r != nil && e.M.r.again:
			// It is asked for once more.
		case e.M.r != nil:
			e.M.r.sent = false
			c.requests = append(c.requests, e.M.r)
		case e.State == flow.AwaitPubcomp && e.M.p.restored:
			c.finish(e.M.p, nil)
		case e.QoS() == packets.AtLeastOnce || e.M.p.restored:
			again = append(again, e.M.p)
		default:
			c.finish(e.M.p, failed(ErrUnknown, errSessionLost))
		}
	}
	for i := len(again) - 1; i >= 0; i-- {
		c.tracked.pushFront(again[i])
	}
}

// subscribeAgain asks for the subscriptions that a session has had.
func (c *Client) subscribeAgain(l *link) {
	var r *request
	for top := range c.claims.granted() {
		if r != nil && (r.identifier != top.identifier || len(r.filters) == maxAgain) {
			c.again(l, r)
			r = nil
		}
		if r == nil {
			r = newRequest(packets.TypeSubscribe)
			r.identifier = top.identifier
		}
		r.subscriptions = append(r.subscriptions, top.subscription)
		r.filters = append(r.filters, top.subscription.Filter)
		r.claims = append(r.claims, top)
	}
	if r != nil {
		c.again(l, r)
	}
}

// maxAgain is how many subscriptions are asked for at once.
const maxAgain = 64

// again sends a SUBSCRIBE, or one for each filter if it is too large.
func (c *Client) again(l *link, r *request) {
	r.again = true
	err := c.ask(l, r)
	switch {
	case err == nil:
	case len(r.filters) == 1:
		c.withdraw(r)
		c.log(slog.LevelError, "cannot subscribe again", "filter", r.filters[0], "err", err)
	default:
		for i := range r.filters {
			one := newRequest(r.kind)
			one.identifier = r.identifier
			one.subscriptions, one.filters, one.claims = r.subscriptions[i:i+1], r.filters[i:i+1], r.claims[i:i+1]
			c.again(l, one)
		}
	}
}

// subscribedAgain is the answer of a server that had lost the session.
func (c *Client) subscribedAgain(r *request) {
	if err := r.refusals(packets.TypeSuback); err != nil {
		c.log(slog.LevelError, "the server does not grant again what it had granted", "err", err)
	}
}

// interrupt is the end of a connection for what depends on it. The rest goes on with
// the next one, if there is one.
func (c *Client) interrupt(l *link) {
	l.over = true
	unknown := failed(ErrUnknown, c.reasonLocked())
	for _, p := range l.pings {
		if p.r != nil {
			p.r.done <- unknown
		}
	}
	l.pings = nil
	if r := l.reauthentication; r != nil {
		r.done <- unknown
		l.reauthentication = nil
	}
	c.lose(l.rest.waiters)
	for i := len(l.waiters) - 1; i >= 0; i-- { // nothing of them was written
		p := l.waiters[i]
		p.sent = false
		c.quick.pushFront(p)
	}
	l.rest, l.waiters, l.buf = batch{}, nil, nil
}

// abandonAll tells everyone who waits for the server that it is over.
func (c *Client) abandonAll(cause error) {
	unknown, notSent := failed(ErrUnknown, cause), failed(ErrNotSent, cause)
	outcome := func(sent bool) error {
		if sent {
			return unknown
		}
		return notSent
	}
	for e := range c.out.Reset() {
		if e.M.r != nil {
			e.M.r.done <- unknown
		} else {
			c.finish(e.M.p, unknown)
		}
	}
	for _, x := range c.stored.then {
		if x.message != nil {
			c.finish(x.message, unknown)
		}
	}
	for _, r := range c.requests {
		r.done <- outcome(r.sent)
	}
	for _, w := range []*waiting{&c.quick, &c.tracked} {
		for p := w.first; p != nil; p = w.first {
			w.remove(p)
			c.finish(p, outcome(p.sent || p.key != 0))
		}
	}
	c.requests = nil
}
