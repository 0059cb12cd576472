package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
)

// keepPresent stores the session of a client that is about to be there, with its will,
// and waits until it is stored, with all that was put in before: who hears of a new
// session never finds the one before it again. While nothing can be stored, a new
// session is refused.
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
	if trouble != nil && !present {
		return fmt.Errorf("%w: %w", errStore, trouble)
	}
	s := journal.Session{Number: c.client.number, ClientID: c.clientID, Expiry: c.b.grant(c.askedExpiry(p)), Sent: journal.Connected}
	var will *testament
	if p.HasWill {
		will = willOf(p, c.clientID)
		defer will.message.Release()
	}
	c.b.writeSession(&s, will)
	if trouble != nil {
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

// keepAbsent stores the session of a client that has gone, with the will that is still
// to be published, unless it is back by now, or its session has ended.
func (b *Broker) keepAbsent(cl *client, left time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cl.conn != nil || b.clients[cl.id] != cl {
		return
	}
	b.writeSession(&journal.Session{Number: cl.number, ClientID: cl.id, Expiry: cl.expiry, Left: left, Sent: cl.out.Sent()}, cl.will)
	b.journal.Commit()
}

func (b *Broker) writeSession(s *journal.Session, will *testament) {
	g := b.journal.Begin()
	defer b.journal.End()
	if will == nil {
		g.Session(s, nil, 0)
		return
	}
	g.Session(s, &will.message.Publish, will.delay)
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
func (b *Broker) keepSubscription(cl *client, filter string, o *topics.Options) {
	if !cl.out.Stored() {
		return
	}
	g := b.journal.Begin()
	defer b.journal.End()
	g.Subscribe(cl.number, &journal.Subscription{
		Filter:            filter,
		QoS:               o.QoS,
		NoLocal:           o.NoLocal,
		RetainAsPublished: o.RetainAsPublished,
		Identifiers:       o.Identifiers,
	})
}

func (b *Broker) dropSubscription(cl *client, filter string) {
	if cl.out.Stored() {
		b.journal.Begin().Unsubscribe(cl.number, filter)
		b.journal.End()
	}
}

// dropSession takes a session that has ended out of the store, behind what others get
// of it: if the process ends meanwhile, there is a session that can end once more.
func (b *Broker) dropSession(cl *client) {
	if !cl.out.Stored() {
		return
	}
	held := cl.in.held()
	g := b.journal.Begin()
	defer b.journal.Commit()
	defer b.journal.End()
	g.EndSession(cl.number)
	for filter := range cl.filters.all() {
		g.Unsubscribe(cl.number, filter)
	}
	for _, id := range held {
		g.Unhold(cl.number, id)
	}
}
