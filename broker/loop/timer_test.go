package loop

import (
	"math/rand/v2"
	"testing"
	"time"
)

// alarm is a Handler that has a Timer and nothing else.
type alarm struct {
	Handler
	timer Timer
	at    time.Duration // 0 if it is not set
}

func (a *alarm) Timer() *Timer { return &a.timer }

// Timers against a list of those that are set.
func TestTimersAgainstOracle(t *testing.T) {
	l := New(nil, nil)
	all := make([]*alarm, 50)
	for i := range all {
		all[i] = new(alarm)
	}
	next := func() (first *alarm) {
		for _, a := range all {
			if a.at > 0 && (first == nil || a.at < first.at) {
				first = a
			}
		}
		return first
	}
	for now := time.Duration(1); now < 5000; now++ {
		a := all[rand.IntN(len(all))]
		a.at = 0
		if rand.IntN(3) > 0 {
			a.at = now + 1 + time.Duration(rand.IntN(100))
		}
		l.SetTimer(a, a.at)
		if first := next(); first == nil && l.timers.wait(now) >= 0 || first != nil && l.timers.wait(now) != max(0, first.at-now) {
			t.Fatalf("at %d: waits %d", now, l.timers.wait(now))
		}
		for h := l.timers.due(now); h != nil; h = l.timers.due(now) {
			if first := next(); h.(*alarm).at > now || h.(*alarm).at != first.at {
				t.Fatalf("at %d: %d is due, want %d", now, h.(*alarm).at, first.at)
			}
			h.(*alarm).at = 0
		}
		if first := next(); first != nil && first.at <= now {
			t.Fatalf("at %d: %d is not due", now, first.at)
		}
	}
}
