package load

import (
	"context"
	"sync"
	"time"
)

// slow has a subscriber that reads nothing while it is measured what the others get.
func slow(ctx context.Context, c *Config) (*Result, error) {
	return traffic(ctx, c, &plan{slow: true, receivers: c.Subscribers - 1, sink: func(int) (filters []string, from, to int) {
		return []string{"bench/#"}, 0, c.Publishers
	}})
}

// behold has the slow subscriber stop, and watches the memory of the broker until the
// function it gives is called, which tells the most there was.
func (r *run) behold() (peak func() int) {
	r.sinks[0].paused.Store(true)
	const interval = 50 * time.Millisecond
	var (
		most     int
		watching sync.WaitGroup
	)
	ended := make(chan struct{})
	watching.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for r.PID != 0 {
			now, err := resident(r.PID)
			if err != nil {
				return // look says so
			}
			most = max(most, now)
			select {
			case <-tick.C:
			case <-ended:
				return
			}
		}
	})
	return func() int {
		close(ended)
		watching.Wait()
		return most
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
