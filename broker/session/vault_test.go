package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// TestShelf does with a stored Outbox what clients, publishers, the clock and the end
// of the process do, in any order: nothing is lost that has not been counted as
// dropped, nothing at QoS 2 comes twice, what comes does in order, and in the end
// nothing is left, in memory, in the accounts, or in the store.
func TestShelf(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newShelf(t, seed)
			for range 400 {
				s.step()
			}
			s.finish()
		})
	}
}

func (s *shelf) step() {
	switch x := s.rng.IntN(100); {
	case x < 30:
		s.push(packets.QoS(s.rng.IntN(3)))
	case x < 33:
		for range s.rng.IntN(200) {
			s.push(packets.QoS(1 + s.rng.IntN(2)))
		}
	case x < 50:
		s.take()
	case x < 70:
		s.acknowledge()
	case x < 82:
		s.read()
	case x < 88:
		s.attach()
	case x < 93:
		s.detach()
	case x < 96:
		s.expire()
	case x < 98:
		s.restart()
	default:
		s.revoke()
	}
}

// expire is for some of the messages, whether they wait or not.
func (s *shelf) expire() {
	some := make(map[uint64]bool)
	for _, p := range s.book {
		if s.rng.IntN(10) == 0 {
			some[p.sequence] = true
		}
	}
	s.o.Expire(some)
}

// revoke forbids what has been pushed so far, but for a part of it.
func (s *shelf) revoke() {
	before, part := len(s.book), 2+s.rng.IntN(10)
	for n := 0; n < before; n += part {
		s.book[n].forbidden = true
	}
	s.detach()
}

// restart ends the process, in order or without warning, and begins another.
func (s *shelf) restart() {
	sent, unsure := uint64(journal.Connected), uint64(0)
	if s.rng.IntN(2) == 0 {
		s.detach()
		sent, unsure = s.o.Sent()
	}
	s.j.Sync(nil)
	s.detach()
	s.pages = nil
	drops := s.b.Drops()
	s.st = s.st.Restart()
	s.j.Close(nil)
	s.b = NewBudget(shelfLimits)
	for r, n := range drops {
		s.b.drops[r].Add(n)
	}
	s.j = journal.New(s.st, 1, 1<<20, func(int, []any) {})
	s.o = NewStoredOutbox(s.b, s.j, shelfSession)
	l := &shelfLoader{s: s}
	if err := s.j.Load(l); err != nil {
		s.Fatal(err)
	}
	slices.SortFunc(l.exchanges, func(a, b [2]uint64) int { return int(a[1]) - int(b[1]) })
	for _, x := range l.exchanges {
		s.o.RestoreExchange(flow.OutID(x[0]), x[1])
	}
	s.o.Presume(sent, unsure, shelfWindow)
}

// shelfLoader is the Loader of one session, and of another that keeps its messages.
type shelfLoader struct {
	journal.Loader
	s         *shelf
	exchanges [][2]uint64
}

func (l *shelfLoader) Exchange(_ uint64, id uint16, order uint64) bool {
	l.exchanges = append(l.exchanges, [2]uint64{uint64(id), order})
	return true
}

func (l *shelfLoader) Message(session uint64, m journal.Ref, t *journal.Terms, size int, _ time.Time) bool {
	if session == shelfSession {
		l.s.o.Restore(Terms{
			QoS:         t.QoS,
			Identifiers: t.Identifiers,
			Kept:        Kept{Sequence: m.Sequence, PacketID: t.PacketID, Shared: m.Shared},
		}, size)
	}
	return true
}

// finish lets the client get everything, and has a look at what is left.
func (s *shelf) finish() {
	s.attach()
	for range 10_000 {
		s.take()
		s.read()
		s.acknowledge()
	}
	drops := s.b.Drops()
	if left, lost := s.unfinished(), drops[QueueFull]+drops[Expired]; len(left) > int(lost) {
		s.Errorf("%d messages dropped, and %d have not come: %q", lost, len(left), left[:min(len(left), 10)])
	}
	o := s.o
	if o.queue.len() != 0 || o.vault.waiting.len() != 0 || o.vault.begun.len() != 0 || o.sender.InFlight() != 0 {
		s.Errorf("left in memory: %d, %d waiting, %d begun, %d in flight; something is due: %t",
			o.queue.len(), o.vault.waiting.len(), o.vault.begun.len(), o.sender.InFlight(), s.due)
	}
	if o.bytes != 0 || o.inFlight != 0 || o.vault.bytes != 0 || o.vault.rare != nil {
		s.Errorf("accounts: %d bytes, %d in flight, %d waiting, %d rare", o.bytes, o.inFlight, o.vault.bytes, len(o.vault.rare))
	}
	s.detach()
	o.End()
	if n := s.b.Used(); n != 0 {
		s.Errorf("%d bytes are counted when nothing is left", n)
	}
	s.empty()
	s.j.Close(nil)
}

// empty demands that the store has nothing for the session.
func (s *shelf) empty() {
	s.j.Sync(nil)
	if err := s.st.Scan(nil, func(key, value []byte) error {
		switch key[0] {
		case 'n':
			return nil
		case 'm':
			all, _, err := store.Holders(nil, value)
			if err == nil && len(all) == 1 && all[0].Number == otherSession {
				return nil
			}
		}
		s.Errorf("%q is left in the store: %x", key, value)
		return nil
	}); err != nil {
		s.Error(err)
	}
}

// refs are as a slice is.
func TestRefs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var q refs
	var want []ref
	next := func() ref { return ref{sequence: rng.Uint64(), packetID: uint16(rng.Uint32())} }
	for range 20_000 {
		switch x := rng.IntN(100); {
		case x < 55:
			r := next()
			q.push(r)
			want = append(want, r)
		case x < 94 && len(want) > 0:
			if r := q.pop(); r != want[0] {
				t.Fatalf("pop gives %v, want %v", r, want[0])
			}
			want = want[1:]
		case x < 98:
			var front refs
			var some []ref
			for range rng.IntN(10) {
				r := next()
				front.push(r)
				some = append(some, r)
			}
			q.prepend(front)
			want = append(some, want...)
		default:
			bit := uint64(1) << rng.IntN(64)
			q.filter(func(r *ref) bool { return r.sequence&bit != 0 })
			want = slices.DeleteFunc(want, func(r ref) bool { return r.sequence&bit == 0 })
		}
		if q.len() != len(want) || (q.first() == nil) != (len(want) == 0) || len(want) > 0 && *q.first() != want[0] {
			t.Fatalf("%d, first %v; want %v", q.len(), q.first(), want)
		}
	}
	var all []ref
	for r := range q.all() {
		all = append(all, *r)
	}
	if !slices.Equal(all, want) {
		t.Errorf("%v, want %v", all, want)
	}
}

// A page that is not wanted any more when it has been read is asked for again,
// though nobody pushes or acknowledges anything.
func TestPageIsReadAgain(t *testing.T) {
	s := newShelf(t, 1)
	for range 3 {
		s.push(packets.AtLeastOnce)
	}
	s.attach()
	s.take()
	s.o.Expire(map[uint64]bool{s.book[0].sequence: true})
	s.read()
	s.take()
	s.read()
	s.take()
	if len(s.inFlight) != 2 {
		t.Errorf("sent: %v", s.inFlight)
	}
	s.finish()
}
