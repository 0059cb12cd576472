package load

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
)

// wilderness is filters a/+/c/#, one at most for each pair of an a and a c. A topic
// a/b/c/d is of any pair, so that it is matched as often as pairs have a filter.
type wilderness struct {
	filters, sinks int
	side           int     // how many a there are, and how many c
	pairs          []int32 // by filter, then those without
	filter         []int32 // by pair
}

// matched is the part of the messages that a filter matches.
const matched = 0.43

func newWilderness(filters, sinks int) *wilderness {
	side := int(math.Round(math.Sqrt(float64(filters) / matched)))
	w := &wilderness{filters: filters, sinks: sinks, side: side, filter: make([]int32, side*side)}
	for filter, pair := range rand.New(rand.NewPCG(1, 2)).Perm(side * side) {
		w.pairs = append(w.pairs, int32(pair))
		w.filter[pair] = int32(filter)
	}
	return w
}

// of gives the filters of a sink: they are dealt out in turn.
func (w *wilderness) of(sink int) (filters []string) {
	for f := sink; f < w.filters; f += w.sinks {
		pair := int(w.pairs[f])
		filters = append(filters, fmt.Sprintf("a%05d/+/c%05d/#", pair/w.side, pair%w.side))
	}
	return filters
}

// wanderer is the route of a source through the pairs.
type wanderer struct {
	*wilderness
	random *rand.Rand
	sentTo []uint64 // by sink
}

func (w *wanderer) topic() []byte { return []byte("a00000/b/c00000/d") }

func (w *wanderer) put(topic []byte, _ uint64) (sequence uint32, receivers int64) {
	pair := w.random.IntN(len(w.filter))
	putDigits(topic[1:6], uint64(pair/w.side))
	putDigits(topic[10:15], uint64(pair%w.side))
	f := int(w.filter[pair])
	if f >= w.filters {
		return 0, 0
	}
	n := &w.sentTo[f%w.sinks]
	*n++
	return uint32(*n - 1), 1
}

func (w *wanderer) sent(sink int) uint64 { return w.sentTo[sink] }

func wild(ctx context.Context, c *Config) (*Result, error) {
	w := newWilderness(c.Count, c.Subscribers)
	r := newRun(c, &plan{
		receivers: 1,
		sink:      func(i int) (filters []string, from, to int) { return w.of(i), 0, c.Publishers },
		route: func(source int) route {
			random := rand.New(rand.NewPCG(3, uint64(source)))
			return &wanderer{wilderness: w, random: random, sentTo: make([]uint64, w.sinks)}
		},
	})
	defer r.close()
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	before, err := c.settled(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.subscribe(ctx); err != nil {
		return nil, err
	}
	subscribed, err := c.usage()
	if err != nil {
		return nil, err
	}
	after, err := c.settled(ctx)
	if err != nil {
		return nil, err
	}
	res := newResult(c)
	res.cost(CPUPerSubscribe, subscribed.cpu-before.cpu, uint64(c.Count))
	res.grown(ResidentPerFilter, before, after, c.Count)
	return res, r.carry(ctx, res)
}
