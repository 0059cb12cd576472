package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// plan is who gets what from whom.
type plan struct {
	receivers int // of each message, at most

	// sink gives the filters of a subscriber, which bring it messages of the sources
	// between two numbers.
	sink func(i int) (filters []string, from, to int)

	// route is nil where each source has one topic.
	route func(source int) route

	slow bool // the first sink is
}

// run is messages that go from sources to sinks through a broker.
type run struct {
	*Config
	plan      *plan
	sources   []*source
	sinks     []*sink
	delivered atomic.Uint64
	latency   *latency      // nil in a closed loop
	paced     time.Duration // when the open loop has begun

	ending  atomic.Bool // errors are of no interest any more
	stop    chan struct{}
	halted  sync.Once
	failed  chan error
	sending sync.WaitGroup
	reading sync.WaitGroup
}

func newRun(c *Config, p *plan) *run {
	r := &run{Config: c, plan: p, stop: make(chan struct{}), failed: make(chan error, 1)}
	if c.Rate > 0 {
		r.latency = newLatency()
	}
	return r
}

// traffic has the scenario of p from beginning to end.
func traffic(ctx context.Context, c *Config, p *plan) (*Result, error) {
	r := newRun(c, p)
	defer r.close()
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	if err := r.subscribe(ctx); err != nil {
		return nil, err
	}
	res := newResult(c)
	return res, r.carry(ctx, res)
}

// carry has messages go, and puts into res what that costs.
func (r *run) carry(ctx context.Context, res *Result) error {
	r.start()
	if err := r.measure(ctx, res); err != nil {
		return err
	}
	if err := r.drain(ctx); err != nil {
		return err
	}
	if r.latency != nil {
		res.add(Overdue, float64(r.overdue()))
		res.curve(r.latency)
	}
	for _, s := range r.sinks {
		if s.slow {
			res.excuse(s)
			continue
		}
		res.Tally.add(s.tally())
	}
	return nil
}

func (r *run) connect(ctx context.Context) error {
	defer r.tell("connect", &r.delivered)()
	r.sources, r.sinks = make([]*source, r.Publishers), make([]*sink, r.Subscribers)
	number := rand.Uint32() // so that messages of another run are not taken for those of this one
	err := each(ctx, len(r.sources), func(ctx context.Context, i int) error {
		w, err := dial(ctx, r.Config, client{id: fmt.Sprint("bench-source-", i), room: 4 << 10})
		if err != nil {
			return err
		}
		p := packets.Publish{Topic: []byte(topic(i))}
		var to route
		if r.plan.route != nil {
			to = r.plan.route(i)
			p.Topic = to.topic()
		}
		r.sources[i] = newSource(w, number+uint32(i), p, r.Config, r.plan.receivers)
		r.sources[i].route = to
		return nil
	})
	if err != nil {
		return err
	}
	room := max(16<<10, min(64<<10, 2*r.Size))
	return each(ctx, len(r.sinks), func(ctx context.Context, i int) error {
		w, err := dial(ctx, r.Config, client{id: fmt.Sprint("bench-sink-", i), room: room})
		if err != nil {
			return err
		}
		filters, from, to := r.plan.sink(i)
		s := newSink(w, r.sources[from:to])
		s.number, s.filters, s.delivered, s.latency, s.now = i, filters, &r.delivered, r.latency, r.now
		if r.plan.slow && i == 0 {
			s.slow, s.delivered, s.latency = true, new(atomic.Uint64), nil
		}
		r.sinks[i] = s
		return nil
	})
}

func (r *run) subscribe(ctx context.Context) error {
	return each(ctx, len(r.sinks), func(ctx context.Context, i int) error {
		const most = 100 // filters in a packet
		s := r.sinks[i]
		for chunk := range slices.Chunk(s.filters, most) {
			if err := s.subscribe(ctx, r.QoS, chunk...); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *run) start() {
	r.paced = r.now()
	for _, s := range r.sinks {
		r.reading.Go(func() {
			err := s.receive()
			if !s.slow {
				r.fail(err)
			} else if !r.ending.Load() {
				s.ended = err
			}
		})
	}
	for i, s := range r.sources {
		r.reading.Go(func() { r.fail(s.acknowledge()) })
		if r.Rate > 0 {
			r.sending.Go(func() { r.fail(r.catchUp(i, s)) })
		} else {
			r.sending.Go(func() { r.fail(r.flood(s)) })
		}
	}
	if r.Rate > 0 {
		r.sending.Go(func() { r.fail(r.pace()) })
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

// close ends all connections and goroutines.
func (r *run) close() {
	if r.ending.Swap(true) {
		return
	}
	r.halt()
	for _, s := range r.sinks {
		if s != nil {
			s.Close()
			s.read()
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

// halt has the sources send nothing more.
func (r *run) halt() { r.halted.Do(func() { close(r.stop) }) }
