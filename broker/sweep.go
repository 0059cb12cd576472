package broker

import (
	"sync"
	"time"

	"github.com/fletchmq/fletch/broker/journal"
)

// sweepPause is how long the store is left alone between two looks at what has
// expired in it, which is that late at most.
const sweepPause = 5 * time.Minute

// sweeper takes messages that have expired out of the store, though nobody asks for
// them. It is a timer while there are any that expire.
type sweeper struct {
	mu    sync.Mutex
	alarm *time.Timer
	next  time.Time // when it goes off, zero if it is not to
	last  time.Time // when it has
	sweep func()    // nil until start
}

// start lets sweep be called from now on.
func (s *sweeper) start(sweep func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sweep = sweep; !s.next.IsZero() {
		s.set()
	}
}

// note says that something expires then, if that is not zero.
func (s *sweeper) note(at time.Time) {
	if at.IsZero() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if earliest := s.last.Add(sweepPause); at.Before(earliest) {
		at = earliest
	}
	if !s.next.IsZero() && !at.Before(s.next) {
		return
	}
	if s.next = at; s.sweep != nil {
		s.set()
	}
}

// set sets the alarm. It holds mu.
func (s *sweeper) set() {
	if s.alarm == nil {
		s.alarm = time.AfterFunc(time.Until(s.next), s.sweep)
		return
	}
	s.alarm.Reset(time.Until(s.next))
}

// begin is for a sweep.
func (s *sweeper) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.last = time.Time{}, time.Now()
}

func (s *sweeper) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.alarm != nil {
		s.alarm.Stop()
	}
}

// sweep is what the alarm does.
func (b *Broker) sweep() {
	b.sweeper.begin()
	for b.retained.Sweep() {
	}
	b.sweeper.note(b.retained.Expires())
	expired := make(map[uint64]map[uint64]bool) // by session, sequence numbers
	next, err := b.journal.Expired(time.Now(), func(session uint64, m journal.Ref) {
		if expired[session] == nil {
			expired[session] = make(map[uint64]bool)
		}
		expired[session][m.Sequence] = true
	})
	if err != nil {
		b.config.Logger.Error("expired messages not looked for", "error", err)
		return
	}
	b.sweeper.note(next)
	if len(expired) == 0 {
		return
	}
	for _, cl := range b.allClients() {
		if sequences := expired[cl.number]; sequences != nil && cl.out.Stored() {
			cl.out.Expire(sequences)
		}
	}
}
