package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// measure has the load last, and puts into res what Duration of it costs.
func (r *run) measure(ctx context.Context, res *Result) error {
	if err := r.wait(ctx, "warm up", r.Warmup); err != nil {
		return err
	}
	if r.plan.slow {
		peak := r.behold()
		defer func() { res.memory(ResidentPeak, peak()) }()
	}
	before, err := r.look()
	if err != nil {
		return err
	}
	if r.latency != nil {
		from := r.now()
		r.latency.to.Store(int64(from + r.Duration))
		r.latency.from.Store(int64(from))
	}
	if err := r.wait(ctx, "measure", r.Duration); err != nil {
		return err
	}
	after, err := r.look()
	if err != nil {
		return err
	}
	res.messages(before, after)
	if r.plan.route != nil {
		res.publishes(before, after)
	}
	return nil
}

// wait returns after d, or when the run fails.
func (r *run) wait(ctx context.Context, phase string, d time.Duration) error {
	defer r.tell(phase, &r.delivered)()
	end := time.NewTimer(d)
	defer end.Stop()
	select {
	case <-end.C:
		return nil
	case err := <-r.failed:
		return fmt.Errorf("%s: %w", phase, err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// drain stops the sources and waits for all to arrive, or until no more comes.
func (r *run) drain(ctx context.Context) error {
	defer r.tell("drain", &r.delivered)()
	r.halt()
	sent := make(chan struct{})
	go func() {
		r.sending.Wait()
		close(sent)
	}()
	held := time.NewTimer(patience)
	defer held.Stop()
	select {
	case <-sent:
	case <-held.C:
		return fmt.Errorf("drain: the broker takes nothing from a publisher for %v", patience)
	case err := <-r.failed:
		return fmt.Errorf("drain: %w", err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	expected := uint64(0)
	for _, s := range r.sources {
		expected += uint64(s.gate.expected.Load())
	}
	if err := r.arrive(ctx, &r.delivered, expected); err != nil {
		return err
	}
	if s := r.sinks[0]; s.slow {
		s.read()
		if err := r.arrive(ctx, s.delivered, expected/uint64(r.plan.receivers)); err != nil {
			return err
		}
	}
	r.close()
	return nil
}

// arrive waits until as much is delivered as is expected, or nothing for a while.
func (r *run) arrive(ctx context.Context, delivered *atomic.Uint64, expected uint64) error {
	const quiet = 2 * time.Second
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	last, since := delivered.Load(), time.Now()
	for last < expected && time.Since(since) < quiet {
		select {
		case <-look.C:
		case err := <-r.failed:
			return fmt.Errorf("drain: %w", err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if now := delivered.Load(); now != last {
			last, since = now, time.Now()
		}
	}
	return nil
}

// tell reports once a second how far a phase is, until the function it gives is called.
func (c *Config) tell(phase string, done *atomic.Uint64) (end func()) {
	if c.Progress == nil {
		return func() {}
	}
	ended := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				c.Progress(Progress{phase, c.now(), done.Load()})
			case <-ended:
				return
			}
		}
	})
	return func() {
		close(ended)
		telling.Wait()
	}
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
	return context.Cause(ctx)
}
