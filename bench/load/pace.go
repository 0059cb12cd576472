package load

import (
	"time"
)

// newSleep is for the loop that has to be exact.
var newSleep = newSleeper

// flood publishes as much as may be under way, until stop.
func (r *run) flood(s *source) error {
	room := func() bool { return s.room(r.Batch) }
	for s.gate.await(room, r.stop) {
		if err := s.publish(r.Batch, r.now()); err != nil {
			return err
		}
	}
	return nil
}

// due is when message n of a source is due: they take turns.
func (r *run) due(source int, n uint64) time.Duration {
	turn := float64(n)*float64(len(r.sources)) + float64(source)
	return r.paced + time.Duration(turn*float64(time.Second)/r.Rate)
}

// pace publishes what is due, until stop. A source that the broker holds back does not
// hold back the others: from its first message that is late until none is, catchUp
// publishes for it.
func (r *run) pace() error {
	sleep, end := newSleep()
	defer end()
	for n := uint64(0); ; n++ {
		for i, s := range r.sources {
			due := r.due(i, n)
			if !r.sleepUntil(due, sleep) {
				return nil
			}
			switch owed := s.owed.Add(1); {
			case owed == 1 && s.room(1):
				if err := r.send(s, due); err != nil {
					return err
				}
				s.owed.Add(-1)
			case owed == 1:
				s.wake <- struct{}{}
			}
		}
	}
}

// sleepUntil is false when stop is closed.
func (r *run) sleepUntil(due time.Duration, sleep func(time.Duration)) bool {
	const most = 20 * time.Millisecond
	for {
		select {
		case <-r.stop:
			return false
		default:
		}
		wait := due - r.now()
		if wait <= 0 {
			return true
		}
		sleep(min(wait, most))
	}
}

// catchUp publishes what is owed from each wake on until nothing is, while pace owes more.
func (r *run) catchUp(i int, s *source) error {
	allowed := func() bool { return s.allowed(1) }
	for {
		select {
		case <-s.wake:
		case <-r.stop:
			return nil
		}
		for owed := int64(1); owed > 0; owed = s.owed.Add(-1) {
			if !s.gate.await(allowed, r.stop) {
				return nil
			}
			if err := r.send(s, r.due(i, s.gate.sent.Load())); err != nil {
				return err
			}
		}
	}
}

func (r *run) send(s *source, due time.Duration) error {
	r.latency.leave(due, r.now())
	return s.publish(1, due)
}

// overdue adds the messages that were due and have never left: they took at least until
// the end of the measured time.
func (r *run) overdue() (messages int) {
	end := time.Duration(r.latency.to.Load())
	for i, s := range r.sources {
		for n := s.gate.sent.Load(); ; n++ {
			due := r.due(i, n)
			if due >= end {
				break
			}
			r.latency.note(due, end)
			messages++
		}
	}
	return messages
}
