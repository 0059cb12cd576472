package broker

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// restorer puts what was stored into a broker that serves nobody yet.
type restorer struct {
	b         *Broker
	now       time.Time
	turn      *turn
	sessions  map[uint64]*restored
	exchanges map[*client][]exchange

	mu  sync.Mutex
	err error // of a message
}

// restored is a session, with what has no place before all of it is there.
type restored struct {
	client *client
	stored journal.Session
}

type exchange struct {
	id    uint16
	order uint64
}

// restore begins with what was stored. Sessions whose time has passed are over.
func (b *Broker) restore() error {
	r := &restorer{b: b, now: time.Now(), turn: begin(), sessions: make(map[uint64]*restored), exchanges: make(map[*client][]exchange)}
	defer r.turn.end()
	if err := b.journal.Load(r); err != nil {
		return err
	}
	if r.err != nil {
		return r.err
	}
	for cl, all := range r.exchanges {
		slices.SortFunc(all, func(a, b exchange) int { return cmp.Compare(a.order, b.order) })
		for _, x := range all {
			cl.out.RestoreExchange(flow.OutID(x.id), x.order)
		}
	}
	for _, s := range r.sessions {
		s.client.out.Presume(s.stored.Sent, s.stored.Unsure, b.config.MaximumInFlight)
	}
	for _, s := range r.sessions { // wills that are due are new to all
		if b.has(s.client) {
			r.absent(s)
		} else { // it was about to end when another began
			b.endSession(s.client, r.turn)
		}
	}
	return nil
}

func (r *restorer) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// Session is of journal.Loader, as what follows is.
func (r *restorer) Session(s *journal.Session) {
	b := r.b
	b.lastID.Store(max(b.lastID.Load(), s.Number))
	cl := &client{id: s.ClientID, number: s.Number, expiry: s.Expiry, out: session.NewStoredOutbox(b.budget, b.journal, s.Number)}
	if w := s.Will; w != nil {
		m, err := session.Restored(&w.Message)
		if err != nil {
			r.fail(err)
			return
		}
		cl.will = &testament{message: m, delay: w.Delay}
	}
	stored := *s
	stored.Will = nil
	r.sessions[s.Number] = &restored{cl, stored}
	b.clients[cl.id] = cl
}

func (r *restorer) Subscription(number uint64, s *journal.Subscription) bool {
	x := r.sessions[number]
	if x == nil {
		return false
	}
	cl := x.client
	cl.add(s.Filter)
	r.b.subscribed.Add(1)
	r.b.subscribe(s.Filter, topics.Subscription[*client]{
		ID:         cl.number,
		Subscriber: cl,
		Options:    topics.Options{QoS: s.QoS, NoLocal: s.NoLocal, RetainAsPublished: s.RetainAsPublished, Identifiers: s.Identifiers},
	})
	return true
}

func (r *restorer) Replay(number uint64, x *journal.Replay) bool {
	s := r.sessions[number]
	if s != nil {
		s.client.out.Replay(session.Replay{
			Filter: x.Filter,
			Terms:  session.Terms{QoS: x.QoS, Identifiers: x.Identifiers},
			Until:  ^uint64(0),
			After:  x.After,
		}, &r.turn.Turn)
	}
	return s != nil
}

func (r *restorer) Held(number uint64, id uint16) bool {
	s := r.sessions[number]
	return s != nil && s.client.in.receiver.Restore(flow.InID(id))
}

func (r *restorer) Exchange(number uint64, id uint16, order uint64) bool {
	s := r.sessions[number]
	if s != nil {
		r.exchanges[s.client] = append(r.exchanges[s.client], exchange{id, order})
	}
	return s != nil
}

func (r *restorer) Retained(m *journal.Message) {
	if r.b.config.Without.has(RetainedMessages) { // it stays in the store
		return
	}
	kept, err := session.Restored(m)
	if err != nil {
		r.fail(err)
		return
	}
	defer kept.Release()
	if !r.b.setInMemory(kept) {
		r.b.unretained.Add(1)
	}
	r.b.sweeper.note(m.Expires)
}

func (r *restorer) Message(number uint64, m journal.Ref, t *journal.Terms, size int, expires time.Time) bool {
	s := r.sessions[number]
	if s == nil {
		return false
	}
	terms := session.Terms{
		QoS:         t.QoS,
		Retain:      t.Retain,
		Identifiers: t.Identifiers,
		Kept:        session.Kept{Sequence: m.Sequence, PacketID: t.PacketID, Shared: m.Shared},
	}
	if g := r.b.shares.groups[t.Group]; g != nil {
		terms.Group = g
	}
	s.client.out.Restore(terms, size)
	r.b.sweeper.note(expires)
	return true
}

// absent starts the clocks of a session. Who was there when the process ended has gone
// then, as far as anybody knows.
func (r *restorer) absent(s *restored) {
	b, cl := r.b, s.client
	left := s.stored.Left
	if left.IsZero() {
		left = r.now
	}
	b.mu.Lock()
	due := b.wait(cl, left)
	if due == nil && !s.stored.Left.IsZero() {
		b.mu.Unlock()
		return
	}
	kept := cl.recordAbsence(left)
	b.mu.Unlock()
	defer kept.done()
	b.publishWill(due, r.turn, kept.write)
}

// subscribe puts s where messages are matched.
func (b *Broker) subscribe(filter string, s topics.Subscription[*client]) {
	if _, _, shared := packets.SplitShared(filter); shared {
		b.share(filter, s)
	} else {
		b.subscriptions.Subscribe(filter, s)
	}
}
