package codecs

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

const (
	leastFew    = 4   // how many times faster than mochi a match must be
	leastAny    = 1.5 // the same where memory has the most to say, for both
	mostGrowth  = 3   // how much slower among a million filters than among a thousand
	batch       = 500 // matches in a round
	objects     = 9   // in memory, on the way to a subscription of this population
	objectBytes = 128 // of one of them, at most
)

// match is one row of the comparison: topic names looked up in both indexes.
type match struct {
	filters  int
	kind, of string
	names    []text
	indexes  []index
	runners  []*runner // the first is Fletch
}

// TestRatioTopics fails where Fletch allocates, is not so much faster than mochi as
// it must be, or where a match that finds one subscription costs more the more
// filters there are.
//
// When the topic names are few, the cache has what is on their way, and nothing is
// allowed for. When they are any of a million, it has not: then each object on the
// way may cost what an access to as much memory does at random, measured in the
// same rounds.
func TestRatioTopics(t *testing.T) {
	if !*ratio {
		t.Skip("without -ratio")
	}
	var matches []*match
	for _, p := range populations {
		p := p.populate()
		for _, kind := range p.kinds {
			for _, of := range p.of() {
				matches = append(matches, &match{filters: p.filters, kind: kind, of: of, names: p.names(kind, of), indexes: p.indexes})
			}
		}
	}
	runtime.GC()
	var failures []string
	for range attempts {
		miss := measure(t, matches)
		t.Logf("\n%sa cache miss: %.0f ns", table(matches), miss)
		if failures = judge(matches, miss); len(failures) == 0 {
			return
		}
	}
	t.Error(strings.Join(failures, "\n"))
}

// measure runs all rows in turn, in many short rounds, and gives what an access to
// much memory costs more than one to little.
func measure(t *testing.T, matches []*match) (miss float64) {
	for _, m := range matches {
		m.runners = nil
		for _, x := range m.indexes {
			if n := x.match(&m.names[0]); n != 1 {
				t.Fatalf("%s: %s finds %d", m, x.name, n)
			}
			m.runners = append(m.runners, &runner{name: x.name, allocs: int64(testing.AllocsPerRun(batch, func() { x.match(&m.names[0]) }))})
		}
	}
	little, much := newChase(1000), newChase(1_000_000)
	near, far := &runner{name: "near"}, &runner{name: "far"}
	for round := range rounds {
		for _, m := range matches {
			for i := range m.indexes {
				m.run(i, 2*round)
				m.runners[i].ns = append(m.runners[i].ns, timed(func() { m.run(i, 2*round+1) }))
			}
		}
		little.run()
		near.ns = append(near.ns, timed(little.run))
		far.ns = append(far.ns, timed(much.run))
	}
	return median(far.ns) - median(near.ns)
}

// run looks up the next batch of names. When they are few, the cache has them from
// the batch before.
func (m *match) run(impl, n int) {
	if m.of == "few" {
		n = 0
	}
	for k := range batch {
		m.indexes[impl].match(&m.names[n*batch%len(m.names)+k])
	}
}

func timed(f func()) (ns float64) {
	start := time.Now()
	f()
	return float64(time.Since(start).Nanoseconds()) / batch
}

// chase is objects in memory of which each says where the next is.
type chase struct {
	all []object
	at  int32
}

type object struct {
	next int32
	_    [objectBytes - 4]byte
}

func newChase(n int) *chase {
	c := &chase{all: make([]object, n)}
	order := rand.New(rand.NewPCG(1, 1)).Perm(n)
	for i, at := range order {
		c.all[at].next = int32(order[(i+1)%n])
	}
	return c
}

func (c *chase) run() {
	for range batch {
		c.at = c.all[c.at].next
	}
}

// judge says what is not as it must be.
func judge(matches []*match, miss float64) (failures []string) {
	thousand := map[string]float64{}
	for _, m := range matches {
		name, ours := m.String(), m.runners[0]
		if ours.allocs != 0 {
			failures = append(failures, name+": allocates")
		}
		ns, least, most := median(ours.ns), float64(leastFew), mostGrowth*thousand[m.kind]
		if m.of == "any" {
			least, most = leastAny, most+objects*miss
		}
		if ours.times(m.runners[1]) < least {
			failures = append(failures, fmt.Sprintf("%s: less than %.1f times faster than mochi", name, least))
		}
		switch {
		case m.filters == 1000:
			thousand[m.kind] = ns
		case m.filters > 1000 && ns > most:
			failures = append(failures, fmt.Sprintf("%s: %.0f ns, at most %.0f", name, ns, most))
		}
	}
	return failures
}

func (m *match) String() string {
	return fmt.Sprintf("filters=%d/kind=%s/topics=%s", m.filters, m.kind, m.of)
}

func table(matches []*match) string {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "row\tfletch ns\tallocs\tmochi ns\tallocs\tratio\t")
	for _, m := range matches {
		ours, theirs := m.runners[0], m.runners[1]
		fmt.Fprintf(w, "%s\t%.0f\t%d\t%.0f\t%d\t%.1f\t\n", m, median(ours.ns), ours.allocs, median(theirs.ns), theirs.allocs, ours.times(theirs))
	}
	w.Flush()
	return out.String()
}
