package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// run is messages that go from sources to sinks through a broker.
type run struct {
	*Config
	begin     time.Time
	sources   []*source
	sinks     []*sink
	receivers int // of each message
	delivered atomic.Uint64
	latency   *latency

	ending  atomic.Bool // errors are of no interest any more
	stop    chan struct{}
	failed  chan error
	sending sync.WaitGroup
	reading sync.WaitGroup
}

// traffic publishes from sources to sinks. Each message has receivers; a sink has
// filters, which bring it the messages of the sources between two numbers.
func traffic(ctx context.Context, c *Config, receivers int, of func(sink int) (filters []string, from, to int)) (*Result, error) {
	r := &run{Config: c, begin: time.Now(), receivers: receivers, stop: make(chan struct{}), failed: make(chan error, 1)}
	if c.Rate > 0 {
		r.latency = newLatency()
		c.Credit = math.MaxInt32
	}
	defer r.close()
	if err := r.connect(ctx, of); err != nil {
		return nil, err
	}
	r.start()
	res := newResult(c)
	if err := r.measure(ctx, res); err != nil {
		return nil, err
	}
	if err := r.drain(ctx); err != nil {
		return nil, err
	}
	if r.latency != nil {
		res.curve(r.latency)
	}
	for _, s := range r.sinks {
		res.Tally.add(s.tally())
	}
	return res, nil
}

func (r *run) connect(ctx context.Context, of func(int) ([]string, int, int)) error {
	r.sources, r.sinks = make([]*source, r.Publishers), make([]*sink, r.Subscribers)
	room := max(16<<10, min(64<<10, 2*r.Size))
	err := each(ctx, len(r.sources), func(ctx context.Context, i int) error {
		w, err := dial(ctx, r.Config, fmt.Sprint("bench-source-", i), 4<<10)
		if err == nil {
			r.sources[i] = newSource(w, uint32(i), topic(i), r.Config, r.receivers)
		}
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, len(r.sinks), func(ctx context.Context, i int) error {
		w, err := dial(ctx, r.Config, fmt.Sprint("bench-sink-", i), room)
		if err != nil {
			return err
		}
		filters, from, to := of(i)
		s := newSink(w, r.sources[from:to])
		s.delivered, s.latency, s.now = &r.delivered, r.latency, r.now
		r.sinks[i] = s
		return w.subscribe(r.QoS, filters...)
	})
}

func (r *run) now() time.Duration { return time.Since(r.begin) }

func (r *run) start() {
	for _, s := range r.sinks {
		r.reading.Go(func() { r.fail(s.receive()) })
	}
	for _, s := range r.sources {
		r.reading.Go(func() { r.fail(s.acknowledge()) })
	}
	if r.Rate > 0 {
		r.sending.Go(func() { r.fail(r.pace()) })
		return
	}
	for _, s := range r.sources {
		r.sending.Go(func() { r.fail(r.flood(s)) })
	}
}

// flood publishes as much as may be under way, until stop.
func (r *run) flood(s *source) error {
	for s.await(r.Batch, r.QoS, r.stop) {
		select {
		case <-r.stop:
			return nil
		default:
		}
		if err := s.publish(r.Batch, r.now(), r.QoS); err != nil {
			return err
		}
	}
	return nil
}

// pace publishes at Rate, from one source after the other, until stop.
func (r *run) pace() error {
	sleep, end := newSleeper()
	defer end()
	begin := r.now()
	for i := 0; ; i++ {
		due := begin + time.Duration(float64(i)*float64(time.Second)/r.Rate)
		if wait := due - r.now(); wait > 0 {
			sleep(wait)
		}
		s := r.sources[i%len(r.sources)]
		if !s.await(1, r.QoS, r.stop) {
			return nil
		}
		select {
		case <-r.stop:
			return nil
		default:
		}
		if err := s.publish(1, due, r.QoS); err != nil {
			return err
		}
	}
}

// fail ends the run with err, unless it is ending anyway.
func (r *run) fail(err error) {
	if err == nil || r.ending.Load() {
		return
	}
	select {
	case r.failed <- err:
	default:
	}
}

// measure has the load last, and puts into res what Duration of it costs.
func (r *run) measure(ctx context.Context, res *Result) error {
	if err := r.wait(ctx, "warm up", r.Warmup); err != nil {
		return err
	}
	before, err := r.look()
	if err != nil {
		return err
	}
	if r.latency != nil {
		from := r.now()
		r.latency.from.Store(int64(from))
		r.latency.to.Store(int64(from + r.Duration))
	}
	if err := r.wait(ctx, "measure", r.Duration); err != nil {
		return err
	}
	after, err := r.look()
	if err != nil {
		return err
	}
	res.messages(before, after)
	return nil
}

// wait returns after d, or when the run fails.
func (r *run) wait(ctx context.Context, phase string, d time.Duration) error {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-end.C:
			return nil
		case <-tick.C:
			r.tell(phase)
		case err := <-r.failed:
			return fmt.Errorf("while the load lasts: %w", err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (r *run) tell(phase string) {
	if r.Progress != nil {
		r.Progress(Progress{phase, r.now(), r.delivered.Load()})
	}
}

// drain stops the sources and waits for all to arrive, or until no more comes.
func (r *run) drain(ctx context.Context) error {
	close(r.stop)
	r.sending.Wait()
	expected := uint64(0)
	for _, s := range r.sources {
		expected += uint64(s.gate.sent.Load()) * uint64(r.receivers)
	}
	const quiet, interval = 2 * time.Second, time.Millisecond
	last, since := r.delivered.Load(), time.Now()
	for last < expected && time.Since(since) < quiet {
		if err := r.wait(ctx, "drain", interval); err != nil {
			return err
		}
		if now := r.delivered.Load(); now != last {
			last, since = now, time.Now()
		}
	}
	r.close()
	return nil
}

// close ends all connections and goroutines.
func (r *run) close() {
	if r.ending.Swap(true) {
		return
	}
	select {
	case <-r.stop:
	default:
		close(r.stop)
	}
	for _, s := range r.sinks {
		if s != nil {
			s.Close()
		}
	}
	for _, s := range r.sources {
		if s != nil {
			s.Close()
		}
	}
	r.sending.Wait()
	r.reading.Wait()
}

// each calls do for 0 to n-1, some at once, and stops at the first error.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	const workers = 50
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return ctx.Err()
}
