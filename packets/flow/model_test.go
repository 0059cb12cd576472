package flow

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

var (
	q1 = kind{qos: packets.AtLeastOnce}
	q2 = kind{qos: packets.ExactlyOnce}
	r1 = kind{qos: packets.AtLeastOnce, refused: true}
	r2 = kind{qos: packets.ExactlyOnce, refused: true}
)

// explorer goes through all states of a plan, depth first.
type explorer struct {
	seen   map[uint64]bool // true while the state is on the path
	worlds []*world        // of the path, memory to be used again
	path   []string
	buf    []byte
	steps  int
}

var modelSeed = maphash.MakeSeed()

func (e *explorer) explore(w *world, depth int) error {
	if err := w.check(); err != nil {
		return err
	}
	e.buf = w.key(e.buf[:0])
	key := maphash.Bytes(modelSeed, e.buf)
	if onPath, ok := e.seen[key]; ok {
		if onPath {
			return fmt.Errorf("comes back to where it was: nothing is gained")
		}
		return nil
	}
	e.seen[key] = true
	if depth == len(e.worlds) {
		e.worlds = append(e.worlds, new(world))
	}
	next := e.worlds[depth]
	for i := range w.steps() {
		next.copyFrom(w)
		what := next.step(i)
		e.steps++
		if err := e.explore(next, depth+1); err != nil {
			e.path = append(e.path, what)
			return err
		}
	}
	e.seen[key] = false
	return nil
}

// TestModel proves, for all interleavings of small plans: QoS 1 at least once,
// QoS 2 exactly once, in order, within the quota, every identifier and every
// message given back, and no state in which something is left and nothing can
// happen.
func TestModel(t *testing.T) {
	for _, p := range plans() {
		t.Run(p.String(), func(t *testing.T) {
			e := explorer{seen: map[uint64]bool{}}
			if err := e.explore(newWorld(&p), 0); err != nil {
				for i := len(e.path) - 1; i >= 0; i-- {
					t.Log(e.path[i])
				}
				t.Fatal(err)
			}
			t.Logf("%d states, %d steps, longest path %d", len(e.seen), e.steps, len(e.worlds))
		})
	}
}

// plans are those of TestModel: a few when each step is dear.
func plans() (all []plan) {
	if testing.Short() || raceEnabled {
		for _, kinds := range sequences(2, q1, q2, r1, r2) {
			all = append(all, plan{kinds: kinds, windows: []int{1, 2}, breaks: 2})
		}
		return append(all,
			plan{kinds: []kind{q2, q1, q2}, windows: []int{1, 2}, breaks: 2},
			plan{kinds: []kind{q1, q2, q1, q2}, windows: []int{3}, breaks: 1},
			plan{kinds: []kind{q2, q2}, windows: []int{2}, breaks: 2, dups: 1})
	}
	for _, kinds := range sequences(3, q1, q2, r1, r2) {
		all = append(all, plan{kinds: kinds, windows: []int{1, 2}, breaks: 3})
	}
	for _, kinds := range sequences(4, q1, q2) {
		all = append(all, plan{kinds: kinds, windows: []int{1, 3}, breaks: 2})
	}
	return append(all,
		plan{kinds: []kind{q2, q1, q2}, windows: []int{2}, breaks: 2, dups: 1},
		plan{kinds: []kind{q2, q2}, windows: []int{1, 2}, breaks: 3, dups: 2},
		plan{kinds: []kind{q2, q1, q2, q1, q2}, windows: []int{2, 3}, breaks: 2},
		plan{kinds: []kind{q2, q1, r2, q2, q1}, windows: []int{1, 3}, breaks: 2})
}

func (p plan) String() string {
	var b strings.Builder
	for _, k := range p.kinds {
		fmt.Fprintf(&b, "%d", k.qos)
		if k.refused {
			b.WriteByte('r')
		}
	}
	return fmt.Sprintf("msgs=%s/windows=%v/breaks=%d/dups=%d", &b, p.windows, p.breaks, p.dups)
}

// TestModelLong goes one way at random through plans too large to explore.
func TestModelLong(t *testing.T) {
	runs := 60
	if testing.Short() || raceEnabled {
		runs = 10
	}
	for seed := range runs {
		rnd := rand.New(rand.NewPCG(uint64(seed), 5))
		p := plan{windows: []int{1, 1 + rnd.IntN(5), 1 + rnd.IntN(40)}, breaks: rnd.IntN(30), dups: rnd.IntN(20)}
		for range 300 {
			p.kinds = append(p.kinds, []kind{q1, q2, q1, q2, q1, q2, r1, r2}[rnd.IntN(8)])
		}
		w := newWorld(&p)
		var last []string
		for w.inner() > 0 {
			i := rnd.IntN(w.inner())
			if n := w.outer(); n > 0 && rnd.IntN(80) == 0 {
				i = w.inner() + rnd.IntN(n)
			}
			last = append(last, w.step(i))
			if err := w.check(); err != nil {
				t.Fatalf("seed %d, %v: %v\n%s", seed, p.windows, err, strings.Join(last[max(0, len(last)-40):], "\n"))
			}
		}
	}
}

func sequences(n int, from ...kind) [][]kind {
	if n == 0 {
		return [][]kind{nil}
	}
	var all [][]kind
	for _, s := range sequences(n-1, from...) {
		for _, k := range from {
			all = append(all, append(s[:len(s):len(s)], k))
		}
	}
	return all
}
