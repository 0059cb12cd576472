package main

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// What is allowed, as a factor.
const (
	mostOne  = 1.25 // of the time of a benchmark
	mostMean = 1.10 // of the geometric mean of a package's times
)

// leastRuns is the fewest of each side among which a U test finds anything.
const leastRuns = 4

const (
	allocations = "allocs/op"
	cpuTime     = "cpu-sec/op"
	clockTime   = "sec/op"
)

// fault is what has become worse.
type fault struct {
	what          string // a benchmark, or the mean of a package
	unit          string
	before, after float64
	most          float64 // allowed
}

// verdict is what there is to say about two files.
type verdict struct {
	faults   []fault
	judged   int
	added    []benchmark
	removed  []benchmark
	suspects []benchmark
}

func judge(before, after map[benchmark]runs) (*verdict, error) {
	v := new(verdict)
	packages := make(map[string]*mean)
	for _, b := range slices.SortedFunc(maps.Keys(after), compareBenchmarks) {
		if before[b] == nil {
			v.added = append(v.added, b)
			continue
		}
		v.judged++
		if packages[b.pkg] == nil {
			packages[b.pkg] = new(mean)
		}
		if err := v.judge(b, before[b], after[b], packages[b.pkg]); err != nil {
			return nil, err
		}
	}
	for _, b := range slices.SortedFunc(maps.Keys(before), compareBenchmarks) {
		if after[b] == nil {
			v.removed = append(v.removed, b)
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(packages)) {
		if m := packages[pkg]; m.n > 1 && m.factor() > mostMean {
			v.faults = append(v.faults, fault{fmt.Sprintf("%s geomean of %d", pkg, m.n), "", 1, m.factor(), mostMean})
			v.suspects = append(v.suspects, m.slower...)
		}
	}
	return v, nil
}

// judge judges a benchmark, of whose package m is the mean.
func (v *verdict) judge(b benchmark, before, after runs, m *mean) error {
	known := len(v.faults)
	allocs, err := difference(b, allocations, before, after)
	if err != nil {
		return err
	}
	if allocs.after > allocs.before {
		v.faults = append(v.faults, fault{b.String(), allocations, allocs.before, allocs.after, allocs.before})
	}
	unit := cpuTime
	if before[unit] == nil || after[unit] == nil {
		unit = clockTime
	}
	time, err := difference(b, unit, before, after)
	if err != nil {
		return err
	}
	m.add(b, time.factor())
	if time.factor() > mostOne {
		v.faults = append(v.faults, fault{b.String(), unit, time.before, time.after, mostOne * time.before})
	}
	if len(v.faults) > known {
		v.suspects = append(v.suspects, b)
	}
	return nil
}

// change is from one median to another. They are the same if they may be.
type change struct{ before, after float64 }

func (c change) factor() float64 {
	if c.before <= 0 || c.after <= 0 {
		return 1
	}
	return c.after / c.before
}

func difference(b benchmark, unit string, before, after runs) (change, error) {
	x, y := before[unit], after[unit]
	if len(x) == 0 || len(y) == 0 {
		return change{}, nil
	}
	if n := min(len(x), len(y)); n < leastRuns {
		return change{}, fmt.Errorf("%s: %d runs with %s, want at least %d before and after", b, n, unit, leastRuns)
	}
	s, t := sample(x), sample(y)
	median := func(s *benchmath.Sample) float64 { return benchmath.AssumeNothing.Summary(s, 0.95).Center }
	c := change{median(s), median(t)}
	if u := benchmath.AssumeNothing.Compare(s, t); u.P >= u.Alpha {
		c.after = c.before
	}
	return c, nil
}

func sample(values []float64) *benchmath.Sample {
	return benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
}

// mean is the geometric mean of the factors of a package.
type mean struct {
	n      int
	logs   float64
	slower []benchmark
}

func (m *mean) add(b benchmark, factor float64) {
	m.n++
	m.logs += math.Log(factor)
	if factor > 1 {
		m.slower = append(m.slower, b)
	}
}

func (m *mean) factor() float64 { return math.Exp(m.logs / float64(m.n)) }
