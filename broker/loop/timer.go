package loop

import (
	"container/heap"
	"time"
)

// Timer is a time for a Handler, of which it is part, and which is on one Loop.
type Timer struct {
	at    time.Duration // as Loop.Now
	place int32         // in timers, from 1; 0 if it is not there
}

// SetTimer lets h be Due at that time, which is as that of Now, and at no other; at
// no time at all if at is zero.
func (l *Loop) SetTimer(h Handler, at time.Duration) {
	t := h.Timer()
	switch {
	case at == 0 && t.place > 0:
		heap.Remove(&l.timers, int(t.place)-1)
	case at == 0:
	case t.place > 0:
		t.at = at
		heap.Fix(&l.timers, int(t.place)-1)
	default:
		t.at = at
		heap.Push(&l.timers, h)
	}
}

// timers is a heap of those whose Timer is set, the earliest first.
type timers []Handler

func (s timers) at(i int) time.Duration { return s[i].Timer().at }

func (s timers) Len() int           { return len(s) }
func (s timers) Less(i, k int) bool { return s.at(i) < s.at(k) }

func (s timers) Swap(i, k int) {
	s[i], s[k] = s[k], s[i]
	s[i].Timer().place, s[k].Timer().place = int32(i)+1, int32(k)+1
}

// Push is for heap, as Pop is.
func (s *timers) Push(x any) {
	h := x.(Handler)
	*s = append(*s, h)
	h.Timer().place = int32(len(*s))
}

// Pop gives the last.
func (s *timers) Pop() any {
	n := len(*s) - 1
	h := (*s)[n]
	(*s)[n], *s = nil, (*s)[:n]
	h.Timer().place = 0
	return h
}

// due takes out one whose time has come. It is nil if there is none.
func (s *timers) due(now time.Duration) Handler {
	if len(*s) == 0 || s.at(0) > now {
		return nil
	}
	return heap.Pop(s).(Handler)
}

// wait is how long it is to the earliest, negative if there is none.
func (s timers) wait(now time.Duration) time.Duration {
	if len(s) == 0 {
		return -1
	}
	return max(0, s.at(0)-now)
}
