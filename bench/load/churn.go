package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// churn has subscribers that connect, subscribe and disconnect all the time.
func churn(ctx context.Context, c *Config) (*Result, error) {
	var (
		workers sync.WaitGroup
		cycles  atomic.Uint64
		enough  atomic.Bool
	)
	ctx, cancel := context.WithCancelCause(ctx)
	defer workers.Wait()
	defer cancel(nil)
	for i := range c.Subscribers {
		workers.Go(func() {
			for n := 0; !enough.Load() && ctx.Err() == nil; n++ {
				if err := c.cycle(ctx, fmt.Sprintf("bench-%d-%d", i, n), topic(i)); err != nil {
					cancel(err)
					return
				}
				cycles.Add(1)
			}
		})
	}
	if err := c.pause(ctx, "warm up", c.Warmup, &cycles); err != nil {
		return nil, err
	}
	n, from := cycles.Load(), c.now()
	before, err := c.usage()
	if err != nil {
		return nil, err
	}
	if err := c.pause(ctx, "measure", c.Duration, &cycles); err != nil {
		return nil, err
	}
	n, took := cycles.Load()-n, c.now()-from
	after, err := c.usage()
	if err != nil {
		return nil, err
	}
	enough.Store(true)
	workers.Wait()
	res := newResult(c)
	res.rate(CyclesPerSecond, n, took)
	res.cost(CPUPerCycle, after.cpu-before.cpu, n)
	return res, context.Cause(ctx)
}

// cycle is the whole life of a client.
func (c *Config) cycle(ctx context.Context, id, filter string) error {
	w, err := dial(ctx, c, client{id: id, room: 512})
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.subscribe(ctx, c.QoS, filter); err != nil {
		return err
	}
	return w.leave(ctx)
}

// pause lasts for d, or as long as ctx.
func (c *Config) pause(ctx context.Context, phase string, d time.Duration, done *atomic.Uint64) error {
	defer c.tell(phase, done)()
	end := time.NewTimer(d)
	defer end.Stop()
	select {
	case <-end.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
