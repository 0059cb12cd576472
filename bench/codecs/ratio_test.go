package codecs

import (
	"cmp"
	"flag"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/fletchmq/fletch/packets"
)

var ratio = flag.Bool("ratio", false, "run TestRatio, which measures for half a minute")

const (
	aim        = 5   // how much faster than the fastest peer a row is to be
	leastRatio = 2.5 // and must be: what is near the aim must not fail for a noisy machine
	leastMean  = 5   // the same of the geometric mean of all rows
	attempts   = 3   // at a row that lost: what disturbs for a while is gone then
	mostCopy   = 1.2 // how much slower than a copy of the bytes, to encode a large payload
	rounds     = 20
	roundTime  = "10ms"
)

// race is one row of the comparison.
type race struct {
	name    string
	runners []*runner // the first is Fletch
	copying bool      // the second is a copy of the bytes, and what is there to beat
}

type runner struct {
	name   string
	bench  func(b *testing.B)
	ns     []float64 // of each round
	allocs int64     // of the worst round
}

// TestRatio fails where Fletch allocates, or is not so much faster than the fastest
// peer as it must be. Encoding a large payload is a copy, however it is done: there
// the copy is the measure.
func TestRatio(t *testing.T) {
	if !*ratio {
		t.Skip("without -ratio")
	}
	defer flag.Set("test.benchtime", flag.Lookup("test.benchtime").Value.String())
	flag.Set("test.benchtime", roundTime)

	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "row\tfletch ns\tallocs\tfastest peer\tns\tratio\t")
	var logs, rows float64
	for _, r := range races() {
		for range attempts {
			r.run()
			if r.lost() == "" {
				break
			}
		}
		ours, best := r.runners[0], r.best()
		if !r.copying {
			logs, rows = logs+math.Log(ours.times(best)), rows+1
		}
		fmt.Fprintf(w, "%s\t%.1f\t%d\t%s\t%.1f\t%.2f\t%s\n", r.name, median(ours.ns), ours.allocs,
			best.name, median(best.ns), ours.times(best), r.judge(t))
	}
	w.Flush()
	mean := math.Exp(logs / rows)
	t.Logf("\n%sgeometric mean of the ratios: %.1f", &table, mean)
	if mean < leastMean {
		t.Errorf("geometric mean %.1f, at least %d", mean, leastMean)
	}
}

func races() (all []race) {
	for i := range samples {
		s := &samples[i]
		for _, v := range s.versions {
			all = append(all, decodeRace(s, v), encodeRace(s, v))
		}
	}
	return all
}

func decodeRace(s *sample, v packets.Version) race {
	r := race{name: row(s, v) + "/op=decode"}
	for _, impl := range append([]implementation{fletch}, speaking(v)...) {
		r.runners = append(r.runners, &runner{name: impl.name, bench: func(b *testing.B) { benchDecode(b, s, v, impl) }})
	}
	return r
}

func encodeRace(s *sample, v packets.Version) race {
	r := race{name: row(s, v) + "/op=encode", copying: len(s.body) >= 1<<16}
	impls := append([]implementation{fletch}, speaking(v)...)
	if r.copying {
		impls = impls[:1]
	}
	for _, impl := range impls {
		r.runners = append(r.runners, &runner{name: impl.name, bench: func(b *testing.B) { benchEncode(b, s, v, impl) }})
	}
	if r.copying {
		r.runners = append(r.runners, &runner{name: "copy", bench: func(b *testing.B) { benchCopy(b, s, v) }})
	}
	return r
}

// run measures all runners in turn, in many short rounds, so that what disturbs
// the machine for a while disturbs all of them.
func (r *race) run() {
	for _, one := range r.runners {
		one.ns, one.allocs = nil, 0
	}
	for range rounds {
		for _, one := range r.runners {
			result := testing.Benchmark(one.bench)
			one.ns = append(one.ns, float64(result.T.Nanoseconds())/float64(result.N))
			one.allocs = max(one.allocs, result.AllocsPerOp())
		}
	}
}

// best is the fastest of the others.
func (r *race) best() *runner {
	return slices.MinFunc(r.runners[1:], func(a, b *runner) int {
		return cmp.Compare(r.runners[0].times(a), r.runners[0].times(b))
	})
}

// times is how many times as long other takes, compared round by round.
func (r *runner) times(other *runner) float64 {
	ratios := make([]float64, len(r.ns))
	for i := range r.ns {
		ratios[i] = other.ns[i] / r.ns[i]
	}
	return median(ratios)
}

func median(all []float64) float64 {
	return slices.Sorted(slices.Values(all))[len(all)/2]
}

// lost says why Fletch lost, if it did.
func (r *race) lost() string {
	times := r.runners[0].times(r.best())
	switch {
	case r.runners[0].allocs != 0:
		return "allocates"
	case r.copying && 1/times > mostCopy:
		return fmt.Sprintf("more than %.1f copies", mostCopy)
	case !r.copying && times < leastRatio:
		return fmt.Sprintf("less than %.1f times faster", leastRatio)
	}
	return ""
}

// judge fails t if Fletch lost, and says why. It also says what is below the aim.
func (r *race) judge(t *testing.T) string {
	if why := r.lost(); why != "" {
		t.Fail()
		return why
	}
	if !r.copying && r.runners[0].times(r.best()) < aim {
		return fmt.Sprintf("below %d", aim)
	}
	return ""
}
