package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// idle opens connections that do nothing, and looks at the memory of the broker before
// and after.
func idle(ctx context.Context, c *Config) (*Result, error) {
	const some = 100 // whose share, of what the first connections bring, does not count
	warm, err := c.crowd(ctx, c.Subscribers, some)
	defer warm.close()
	if err != nil {
		return nil, err
	}
	before, err := c.settled(ctx)
	if err != nil {
		return nil, err
	}
	begin := c.now()
	all, err := c.crowd(ctx, 0, c.Subscribers)
	defer all.close()
	if err != nil {
		return nil, err
	}
	took := c.now() - begin
	done, err := c.usage()
	if err != nil {
		return nil, err
	}
	after, err := c.settled(ctx)
	if err != nil {
		return nil, err
	}
	res, n := newResult(c), uint64(c.Subscribers)
	res.rate(ConnectsPerSecond, n, took)
	res.cost(CPUPerConnect, done.cpu-before.cpu, n)
	res.grown(ResidentPerConnection, before, after, c.Subscribers)
	return res, each(ctx, len(all.wires), func(ctx context.Context, i int) error {
		return all.wires[i].ping(ctx) // a connection that has ended takes nothing
	})
}

// crowd is connections that do nothing.
type crowd struct {
	mu    sync.Mutex
	wires []*wire
}

// crowd opens n connections with a subscription each, of the clients from first on. It
// gives those that it has opened with an error as well.
func (c *Config) crowd(ctx context.Context, first, n int) (*crowd, error) {
	var (
		opened crowd
		done   atomic.Uint64
	)
	defer c.tell("connect", &done)()
	return &opened, each(ctx, n, func(ctx context.Context, i int) error {
		i += first
		w, err := dial(ctx, c, client{id: fmt.Sprintf("client-%05d", i), keepAlive: 600, room: 64})
		if err != nil {
			return err
		}
		opened.mu.Lock()
		opened.wires = append(opened.wires, w)
		opened.mu.Unlock()
		done.Add(1)
		return w.subscribe(ctx, c.QoS, fmt.Sprintf("dev/%05d/cmd", i))
	})
}

func (c *crowd) close() {
	for _, w := range c.wires {
		w.Close()
	}
}
