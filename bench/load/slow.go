package load

import (
	"context"
	"time"
)

// slow has a subscriber that reads nothing while it is measured what the others get.
func slow(ctx context.Context, c *Config) (*Result, error) {
	return traffic(ctx, c, &plan{slow: true, receivers: c.Subscribers - 1, sink: func(int) (filters []string, from, to int) {
		return []string{"bench/#"}, 0, c.Publishers
	}})
}

// behold watches the memory of the broker until stop.
func (r *run) behold() {
	const interval = 50 * time.Millisecond
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for r.PID != 0 {
		select {
		case <-tick.C:
		case <-r.stop:
			return
		}
		now, err := resident(r.PID)
		if err != nil {
			r.fail(err)
			return
		}
		r.peak.Store(max(r.peak.Load(), int64(now)))
	}
}

// excuse counts what the slow subscriber has not got apart from what others have not.
func (r *Result) excuse(s *sink) {
	t := s.tally()
	r.add(SlowLost, float64(t.Lost))
	t.Lost = 0
	r.Tally.add(t)
	connected := 1.0
	if s.ended != nil {
		connected = 0
	}
	r.add(SlowConnected, connected)
}
