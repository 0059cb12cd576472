package broker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
)

// cannotKeep is why no session can begin now that lasts so many seconds, nil if one can.
func (b *Broker) cannotKeep(expiry uint32) error {
	if b.journal == nil || expiry == 0 {
		return nil
	}
	if trouble := b.journal.Trouble(); trouble != nil {
		return fmt.Errorf("%w: %w", errStore, trouble)
	}
	return nil
}

// keepPresent stores the session of a client that is about to be there, with its will,
// and waits until it is stored, with all that was put in before: who hears of a new
// session never finds the one before it again. While nothing can be stored, a session
// that was there goes on as it is stored.
func (c *conn) keepPresent(p *packets.Connect, present bool) error {
	if c.b.journal == nil {
		return nil
	}
	trouble := c.b.journal.Trouble()
	if !c.client.out.Stored() {
		if c.replaced && trouble == nil {
			return c.storeAll()
		}
		return nil
	}
	r := record{client: c.client, expiry: c.b.grant(c.askedExpiry(p)), sent: journal.Connected}
	if p.HasWill {
		r.will = willOf(p, c.clientID)
		defer r.will.message.Release()
	}
	c.b.mu.Lock()
	r.stint = c.client.stint
	c.b.mu.Unlock()
	c.b.putIn(r.write)
	if c.unstored = trouble != nil && present; c.unstored {
		return nil
	}
	return c.storeAll()
}

// cannotStore reports whether m has to be stored, and cannot be for now, and its
// publisher can be told. One that cannot is not read instead.
func (c *conn) cannotStore(m *session.Message) bool {
	b := c.b
	if b.journal == nil || c.version != packets.V5 || b.journal.Trouble() == nil {
		return false
	}
	l := letterOf(m)
	defer l.done()
	l.address(b, c.turn)
	if !l.kept && !b.keepsRetained(m) && (m.Publish.QoS != packets.ExactlyOnce || !c.client.out.Stored()) {
		return false
	}
	if n := b.refused.Add(1); powerOfTwo(n) {
		b.config.Logger.Warn("message refused", "error", b.journal.Trouble(), "client", m.From, "topic", string(m.Publish.Topic), "refused", n)
	}
	return true
}

// troubled reports whether what changes in the session cannot be stored for now.
func (c *conn) troubled() bool {
	return c.client.out.Stored() && c.b.journal.Trouble() != nil
}

// record is the session of a client as it is to be stored.
type record struct {
	client *client
	stint  uint32 // of the client, when this was so
	expiry uint32
	left   time.Time // zero while the client is there
	sent   uint64    // as journal.Session, as is unsure
	unsure uint64
	will   *testament // that is still to be published, nil if there is none
}

// recordAbsence is the record of a client that has left then, with a reference to the will
// that is still to be published. It holds b.mu.
func (cl *client) recordAbsence(left time.Time) *record {
	if cl.will != nil {
		cl.will.message.Retain()
	}
	r := &record{client: cl, stint: cl.stint, expiry: cl.expiry, left: left, will: cl.will}
	r.sent, r.unsure = cl.out.Sent()
	return r
}

// write puts r into g, unless the client has come back since, or its session has ended.
func (r *record) write(g *journal.Group) {
	if r.stint < r.client.recorded {
		return
	}
	r.client.recorded = r.stint
	s := journal.Session{Number: r.client.number, ClientID: r.client.id, Expiry: r.expiry, Left: r.left, Sent: r.sent, Unsure: r.unsure}
	if r.will == nil {
		g.Session(&s, nil, 0)
		return
	}
	g.Session(&s, &r.will.message.Publish, r.will.delay)
}

// done gives up the will.
func (r *record) done() {
	if r.will != nil {
		r.will.message.Release()
	}
}

// putIn stores what put puts in.
func (b *Broker) putIn(put func(g *journal.Group)) {
	put(b.journal.Begin())
	b.journal.End()
	b.journal.Commit()
}

// storeAll waits until all that has been put in is stored. The error is why the
// connection ends before. It is called where it is possible to wait.
func (c *conn) storeAll() error {
	c.turn.Flush()
	ctx, cancel := context.WithTimeoutCause(c.b.ctx, c.b.config.ConnectTimeout, errStore)
	defer cancel()
	stop := func() { // with conn.mu
		if !errors.Is(c.cause, errTakenOver) { // which has time until this is done
			cancel()
		}
	}
	if err := c.stopWith(stop); err != nil && !errors.Is(err, errTakenOver) {
		return err
	}
	stored := c.b.journal.Sync(ctx.Done())
	switch err := c.stopWith(nil); {
	case stored:
		return nil // what ends the connection does so behind the answer
	case err != nil:
		return err
	case c.b.ctx.Err() != nil:
		return errShutdown
	}
	return errStore
}

// keepSubscription stores a subscription of a session that is stored.
func (c *conn) keepSubscription(filter string, o *topics.Options) {
	if !c.client.out.Stored() {
		return
	}
	c.turn.put = true
	g := c.b.journal.Begin()
	defer c.b.journal.End()
	g.Subscribe(c.client.number, &journal.Subscription{
		Filter:            filter,
		QoS:               o.QoS,
		NoLocal:           o.NoLocal,
		RetainAsPublished: o.RetainAsPublished,
		Identifiers:       o.Identifiers,
	})
}

func (c *conn) dropSubscription(filter string) {
	if c.client.out.Stored() {
		c.turn.put = true
		c.b.journal.Begin().Unsubscribe(c.client.number, filter)
		c.b.journal.End()
	}
}

// ending is what takes a session that has ended out of the store, behind what others get
// of it, nil if it was not there: if the process ends meanwhile, there is a session that
// can end once more.
func (cl *client) ending() func(g *journal.Group) {
	if !cl.out.Stored() {
		return nil
	}
	held := cl.in.held()
	return func(g *journal.Group) {
		cl.recorded = math.MaxUint32
		g.EndSession(cl.number)
		for filter := range cl.filters.all() {
			g.Unsubscribe(cl.number, filter)
		}
		for _, id := range held {
			g.Unhold(cl.number, id)
		}
	}
}
