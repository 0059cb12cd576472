package broker

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/fletchmq/fletch/broker/session"
)

// client is the Session State of one client identifier, section 4.1
// [MQTT-3.1.3-2]. It outlives connections, of which it has one at most.
type client struct {
	id     string // any text will do [MQTT-3.1.3-5]
	number uint64 // of all there ever were
	out    *session.Outbox

	in inbox

	// Of the reader of conn, and of who takes the client out of Broker.clients.
	mu          sync.Mutex // who changes filters has it, and who else reads them
	filters     filters    // subscribed to
	filterBytes int        // what they cost

	// Under Broker.mu.
	conn    *conn // nil while the client is absent
	will    *testament
	absence *absence // nil while there is a connection
	expiry  uint32   // Session Expiry Interval in seconds, as granted
	stint   uint32

	recorded uint32 // stint of the record in the store; of who has the journal's group
	program  bool   // it is a Subscribe of the program
}

// absence is what a client without a connection waits for.
type absence struct {
	until time.Time // end of the session, zero if never
	alarm *time.Timer
	delay *time.Timer // of the will
}

// forever is a Session Expiry Interval, section 3.1.2.11.2.
const forever = math.MaxUint32

// enter gives c the session of its client identifier, to be kept for so many
// seconds without a connection. A connection that has it is ended, and what it has
// received is handled, before [MQTT-3.1.4-3] [MQTT3-3.1.4-2].
func (b *Broker) enter(c *conn, clean bool, expiry uint32) (present bool, err error) {
	for {
		b.mu.Lock()
		cl := b.clients[c.clientID]
		if cl == nil || cl.conn == nil {
			ended := cl
			if cl != nil && !clean && !cl.over(time.Now()) { // [MQTT-3.1.2-5] [MQTT3-3.1.2-4]
				cl.resume(c)
				b.arrived()
				present, ended = true, nil // [MQTT3-3.2.2-2]
			} else if err = b.cannotKeep(expiry); err == nil { // [MQTT-3.1.2-4] [MQTT-3.1.2-6] [MQTT3-3.1.2-6]
				err = b.found(c, expiry)
			}
			if err == nil {
				c.client.expiry = expiry
			}
			b.mu.Unlock()
			if ended != nil && err == nil {
				b.endSession(ended, c.turn)
				c.replaced = ended.out.Stored()
			}
			return present, err
		}
		holder := cl.conn
		b.mu.Unlock()
		c.turn.Flush()
		holder.kill(errTakenOver)
		if err := holder.gone(b.ctx); err != nil {
			return false, err
		}
	}
}

// gone waits until c has left its session. Who does not even end is closed.
func (c *conn) gone(ctx context.Context) error {
	defer time.AfterFunc(lingerTime, c.link.abort).Stop()
	select {
	case <-c.whenLeft():
		return nil
	case <-ctx.Done():
		return errShutdown
	}
}

// whenLeft gives what is closed when c has left its session.
func (c *conn) whenLeft() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.waiters()
	if w.left == nil {
		w.left = make(chan struct{})
		if c.hasLeft {
			close(w.left)
		}
	}
	return w.left
}

func (c *conn) setLeft() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hasLeft = true; c.some != nil && c.some.left != nil {
		close(c.some.left)
	}
}

// found begins a session for c, in the place of another. It holds b.mu.
func (b *Broker) found(c *conn, expiry uint32) error {
	old := b.clients[c.clientID]
	switch {
	case b.closed:
		return errShutdown
	case old != nil:
		if old.over(time.Now()) {
			b.expired++
		}
		old.rest()
	case len(b.clients) >= b.config.MaximumSessions:
		return errSessions
	}
	cl := &client{id: c.clientID, number: b.lastID.Add(1), conn: c}
	if b.journal != nil && expiry > 0 {
		cl.out = session.NewStoredOutbox(b.budget, b.journal, cl.number)
	} else {
		cl.out = session.NewOutbox(b.budget)
	}
	b.clients[cl.id], c.client = cl, cl
	b.arrived()
	return nil
}

// arrived counts a client that has a connection now. It holds b.mu.
func (b *Broker) arrived() {
	b.connected++
	b.mostConnected = max(b.mostConnected, b.connected)
}

// over reports whether the session of an absent client has ended, though its
// alarm may not have gone off.
func (cl *client) over(now time.Time) bool {
	return cl.absence != nil && !cl.absence.until.IsZero() && !now.Before(cl.absence.until)
}

// resume gives c the session. A will that waits is never published
// [MQTT-3.1.3-9]. It holds Broker.mu.
func (cl *client) resume(c *conn) {
	cl.rest()
	if cl.will != nil {
		cl.will.message.Release()
		cl.will = nil
	}
	cl.conn, c.client = c, cl
}

// rest stops the clocks of an absent client. It holds Broker.mu.
func (cl *client) rest() {
	cl.stint++
	if a := cl.absence; a != nil {
		for _, t := range []*time.Timer{a.alarm, a.delay} {
			if t != nil {
				t.Stop()
			}
		}
		cl.absence = nil
	}
}

// leave undoes enter: the session ends, or waits for the client to come back
// [MQTT-3.1.2-23] [MQTT-4.1.0-1] [MQTT-4.1.0-2] [MQTT3-4.1.0-1]. What it has
// published as retained stays [MQTT3-3.1.2-7].
func (b *Broker) leave(c *conn, cause error) {
	cl := c.client
	if cl == nil || c.away {
		return
	}
	c.away = true
	c.tellDisconnected(cause)
	if c.line == nil {
		cl.out.Forsake()
	}
	b.contain(cl, func() { b.rehome(cl, &c.turn.Turn) })
	cl.in.trim()
	now := time.Now()
	b.mu.Lock()
	cl.conn = nil
	b.connected--
	var due *testament
	var kept *record
	ended := cl.expiry == 0 || b.closed && !cl.out.Stored()
	if ended {
		delete(b.clients, cl.id)
	} else {
		due = b.wait(cl, now)
		if cl.out.Stored() {
			kept = cl.recordAbsence(now)
		}
		if b.closed {
			cl.rest()
		}
	}
	b.mu.Unlock()
	c.setLeft()
	switch {
	case ended:
		b.endSession(cl, c.turn)
	case kept != nil:
		b.publishWill(due, c.turn, kept.write)
		kept.done()
	default:
		b.publishWill(due, c.turn, nil)
	}
}

// wait starts the clocks of a client that has left then. A will without a delay is
// due at once. It holds b.mu.
func (b *Broker) wait(cl *client, left time.Time) (due *testament) {
	cl.absence = new(absence)
	if cl.expiry != forever {
		cl.absence.until = left.Add(time.Duration(cl.expiry) * time.Second)
		cl.absence.alarm = b.later(cl, cl.absence.until, func() func(*turn) {
			delete(b.clients, cl.id)
			b.expired++
			return func(t *turn) { b.endSession(cl, t) }
		})
	}
	switch {
	case cl.will == nil:
	case cl.will.delay == 0: // [MQTT-3.1.2-8] [MQTT3-3.1.2-8]
		return cl.takeWill()
	default:
		cl.absence.delay = b.later(cl, left.Add(time.Duration(cl.will.delay)*time.Second), func() func(*turn) {
			w := cl.takeWill()
			if !cl.out.Stored() {
				return func(t *turn) { b.publishWill(w, t, nil) }
			}
			kept := cl.recordAbsence(left)
			return func(t *turn) { b.publishWill(w, t, kept.write) }
		})
	}
	return nil
}

// later calls due at that time, with b.mu, and without it what due gives, unless the
// client has come back by then.
func (b *Broker) later(cl *client, at time.Time, due func() func(*turn)) *time.Timer {
	stint := cl.stint
	return time.AfterFunc(time.Until(at), func() {
		b.mu.Lock()
		if b.closed || cl.stint != stint || b.clients[cl.id] != cl {
			b.mu.Unlock()
			return
		}
		b.running.Add(1)
		defer b.running.Done()
		then := due()
		b.mu.Unlock()
		t := begin()
		defer t.end()
		b.contain(cl, func() { then(t) })
	})
}

// contain lets a panic end f, which is for cl if that is not nil, and nothing else.
func (b *Broker) contain(cl *client, f func()) {
	if err := guard(func() error { f(); return nil }); err != nil {
		guard(func() error { // it may be the Logger that panics
			id := ""
			if cl != nil {
				id = cl.id
			}
			b.config.Logger.Error("session", "client", id, "error", err)
			return nil
		})
	}
}

// endSession is for a client that is in b.clients no more.
func (b *Broker) endSession(cl *client, t *turn) {
	for filter := range cl.filters.all() {
		b.unsubscribe(filter, cl)
	}
	b.subscribed.Add(-int64(cl.filters.len()))
	b.adopt(cl, cl.out.End(), &t.Turn)
	b.mu.Lock()
	cl.rest()
	w := cl.takeWill()
	b.mu.Unlock()
	b.publishWill(w, t, cl.ending())
}
