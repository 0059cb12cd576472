package loop

import (
	"container/heap"
	"time"
)

// Timer is a time for a Handler. It is part of one, and of one Loop.
type Timer struct {
	at      time.Duration // as Loop.Now
	handler Handler
	place   int // in timers, from 1; 0 if it is not there
}

// Init says whose it is.
func (t *Timer) Init(h Handler) { t.handler = h }

// SetTimer lets the Handler of t be Due at that time, which is as that of Now, and
// at no other; at no time at all if at is zero.
func (l *Loop) SetTimer(t *Timer, at time.Duration) {
	switch {
	case at == 0 && t.place > 0:
		heap.Remove(&l.timers, t.place-1)
	case at == 0:
	case t.place > 0:
		t.at = at
		heap.Fix(&l.timers, t.place-1)
	default:
		t.at = at
		heap.Push(&l.timers, t)
	}
}

// timers is a heap, the earliest first.
type timers []*Timer

func (s timers) Len() int           { return len(s) }
func (s timers) Less(i, k int) bool { return s[i].at < s[k].at }

func (s timers) Swap(i, k int) {
	s[i], s[k] = s[k], s[i]
	s[i].place, s[k].place = i+1, k+1
}

// Push is for heap, as Pop is.
func (s *timers) Push(x any) {
	t := x.(*Timer)
	*s = append(*s, t)
	t.place = len(*s)
}

// Pop gives the last.
func (s *timers) Pop() any {
	n := len(*s) - 1
	t := (*s)[n]
	(*s)[n], *s = nil, (*s)[:n]
	t.place = 0
	return t
}

// due takes out one whose time has come. It is nil if there is none.
func (s *timers) due(now time.Duration) Handler {
	if len(*s) == 0 || (*s)[0].at > now {
		return nil
	}
	return heap.Pop(s).(*Timer).handler
}

// wait is how long it is to the earliest, negative if there is none.
func (s timers) wait(now time.Duration) time.Duration {
	if len(s) == 0 {
		return -1
	}
	return max(0, s[0].at-now)
}
