package journal

import (
	"cmp"
	"time"

	"github.com/fletchmq/fletch/broker/store"
)

// Loader gets what was stored: first all sessions, then what they have, and then
// the messages. Its methods keep none of the slices. They report whether there is such
// a session: what belongs to none is taken out.
type Loader interface {
	Session(s *Session)
	Subscription(session uint64, s *Subscription) (known bool)
	Replay(session uint64, r *Replay) (known bool)
	Held(session uint64, id uint16) (known bool)
	Exchange(session uint64, id uint16, order uint64) (known bool)

	// Retained is called beside the others. Its views are good until it returns.
	Retained(m *Message)

	// Message is one that a session waits for, and that takes size bytes and expires
	// then, if that is not zero. They come in the order of their sequence numbers.
	Message(session uint64, m Ref, t *Terms, size int, expires time.Time) (known bool)
}

// Load gives l all that is stored. It comes before anything else is put in. The error
// is a [*RecordError], or that of the store.
func (j *Journal) Load(l Loader) error {
	x := load{j: j, l: l}
	retained := make(chan error, 1)
	go func() { retained <- j.store.Scan([]byte{kindRetained}, x.retained) }()
	return cmp.Or(x.sessions(), <-retained)
}

// sessions loads all but what is retained.
func (x *load) sessions() error {
	for _, k := range []struct {
		kind byte
		one  func(key, value []byte) error
	}{
		{kindNumber, x.number},
		{kindSession, x.session},
		{kindSubscription, x.subscription},
		{kindReplay, x.replay},
		{kindHeld, x.held},
		{kindExchange, x.exchange},
		{kindMessage, x.message},
	} {
		if err := x.j.store.Scan([]byte{k.kind}, k.one); err != nil {
			return err
		}
	}
	x.j.Commit()
	return nil
}

// load is what Load is at.
type load struct {
	j       *Journal
	l       Loader
	holders []store.Holder
}

func (x *load) number(key, value []byte) error {
	r := reader{rest: value}
	last := r.uint()
	if r.bad || len(key) != 1 {
		return errRecord(key)
	}
	x.see(last)
	x.j.mu.Lock() // Loader.Retained may put something in
	defer x.j.mu.Unlock()
	x.j.promised = last
	return nil
}

// see lets sequence numbers go on behind that of a record.
func (x *load) see(sequence uint64) {
	if sequence != Connected && sequence > x.j.last.Load() {
		x.j.last.Store(sequence)
	}
}

func (x *load) session(key, value []byte) error {
	number, rest, err := numbered(key)
	if err != nil {
		return err
	}
	s, ok := parseSession(number, value)
	if !ok || len(rest) > 0 {
		return errRecord(key)
	}
	x.see(s.Sent) // which a store that has been repaired may have without its number
	x.l.Session(&s)
	return nil
}

// settle takes out a record of a session that is not there.
func (x *load) settle(known bool, remove func(g *Group)) error {
	if !known {
		remove(x.j.Begin())
		x.j.End()
		x.j.Commit()
	}
	return nil
}

func (x *load) subscription(key, value []byte) error {
	number, filter, err := numbered(key)
	if err != nil {
		return err
	}
	s, ok := parseSubscription(filter, value)
	if !ok {
		return errRecord(key)
	}
	return x.settle(x.l.Subscription(number, &s), func(g *Group) { g.Unsubscribe(number, s.Filter) })
}

func (x *load) replay(key, value []byte) error {
	number, filter, err := numbered(key)
	if err != nil {
		return err
	}
	r, ok := parseReplay(filter, value)
	if !ok {
		return errRecord(key)
	}
	return x.settle(x.l.Replay(number, &r), func(g *Group) { g.EndReplay(number, r.Filter) })
}

func (x *load) held(key, _ []byte) error {
	number, id, err := identified(key)
	if err != nil {
		return err
	}
	return x.settle(x.l.Held(number, id), func(g *Group) { g.Unhold(number, id) })
}

func (x *load) exchange(key, value []byte) error {
	number, id, err := identified(key)
	if err != nil {
		return err
	}
	r := reader{rest: value}
	order := r.uint()
	if r.bad {
		return errRecord(key)
	}
	return x.settle(x.l.Exchange(number, id, order), func(g *Group) { g.Complete(number, id) })
}

func (x *load) retained(key, value []byte) error {
	m, ok := parseMessage(value)
	if !ok {
		return errRecord(key)
	}
	x.l.Retained(&m)
	return nil
}

func (x *load) message(key, value []byte) (err error) {
	var r messageRecord
	if err := r.parse(key, value, x.holders[:0]); err != nil {
		return err
	}
	x.holders = r.holders
	x.see(r.ref.Sequence)
	for _, h := range r.holders {
		t, ok := parseNote(h.Note)
		if !ok {
			return errRecord(key)
		}
		if err := x.settle(x.l.Message(h.Number, r.ref, &t, r.size, r.message.Expires), func(g *Group) { g.Drop(r.ref, h.Number) }); err != nil {
			return err
		}
	}
	return nil
}

// messageRecord is one taken apart, with views.
type messageRecord struct {
	ref     Ref
	holders []store.Holder
	message Message
	size    int
}

// parse appends to holders.
func (r *messageRecord) parse(key, value []byte, holders []store.Holder) error {
	sequence, rest, err := numbered(key)
	if err != nil || len(rest) > 0 {
		return errRecord(key)
	}
	all, body, err := store.Holders(holders, value)
	if err != nil {
		return errRecord(key)
	}
	m, ok := parseMessage(body)
	if !ok {
		return errRecord(key)
	}
	r.ref = Ref{sequence, body[0]&sharedMessage != 0}
	r.holders, r.message, r.size = all, m, len(body)
	if len(all) == 0 || len(all) > 1 && !r.ref.Shared {
		return errRecord(key)
	}
	return nil
}

// Expired calls visit for each message that a session waits for and that has expired,
// and gives when the next one does, zero if none is to. It reads all messages.
func (j *Journal) Expired(now time.Time, visit func(session uint64, m Ref)) (next time.Time, err error) {
	var r messageRecord
	err = j.store.Scan([]byte{kindMessage}, func(key, value []byte) error {
		if err := r.parse(key, value, r.holders[:0]); err != nil {
			return err
		}
		switch at := r.message.Expires; {
		case at.IsZero():
		case at.After(now):
			if next.IsZero() || at.Before(next) {
				next = at
			}
		default:
			for _, h := range r.holders {
				visit(h.Number, r.ref)
			}
		}
		return nil
	})
	return next, err
}
