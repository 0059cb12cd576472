package load

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// latency is how long messages took that were due in a part of the run.
type latency struct {
	from, to atomic.Int64 // nanoseconds since the run began
	late     atomic.Int64 // nanoseconds from due to sent, at most

	mu sync.Mutex
	h  *hdrhistogram.Histogram
}

// Latency from a microsecond to ten minutes is told apart by three digits.
func newLatency() *latency {
	return &latency{h: hdrhistogram.New(1, int64(10*time.Minute/time.Microsecond), 3)}
}

func (l *latency) measures(due time.Duration) bool {
	return int64(due) >= l.from.Load() && int64(due) < l.to.Load()
}

// note is called when a message has come.
func (l *latency) note(due, now time.Duration) {
	if !l.measures(due) {
		return
	}
	us := min(max(1, (now-due).Microseconds()), l.h.HighestTrackableValue())
	l.mu.Lock()
	l.h.RecordValue(us)
	l.mu.Unlock()
}

// leave is called when a message is sent.
func (l *latency) leave(due, now time.Duration) {
	late := int64(now - due)
	for is := l.late.Load(); late > is && l.measures(due); is = l.late.Load() {
		if l.late.CompareAndSwap(is, late) {
			return
		}
	}
}
