//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// report is what is measured, and what is wrong with it.
type report struct {
	races  []*race
	faults []string
	lost   []string // at QoS 0, where it is no fault
}

// race is a row, with its samples.
type race struct {
	row
	runners []*runner
}

// runner is a library in a row, with a sample for each round.
type runner struct {
	library
	rate, cpu, allocs, bytes []float64 // messages per second; of a message: ns, number, bytes
}

func (p *report) runner(r row, l library) *runner {
	i := slices.IndexFunc(p.races, func(one *race) bool { return one.row == r })
	if i < 0 {
		i, p.races = len(p.races), append(p.races, &race{row: r})
	}
	in := p.races[i]
	j := slices.IndexFunc(in.runners, func(one *runner) bool { return one.name == l.name })
	if j < 0 {
		j, in.runners = len(in.runners), append(in.runners, &runner{library: l})
	}
	return in.runners[j]
}

// add takes a sample down, and prints it as a line for benchstat.
func (p *report) add(r row, l library, m result, sink bool) {
	n := float64(max(m.Messages, 1))
	rate, cpu := n/m.Took.Seconds(), float64(m.CPU)/n
	allocs, bytes := float64(m.Mallocs)/n, float64(m.Bytes)/n
	one := p.runner(r, l)
	one.rate, one.cpu = append(one.rate, rate), append(one.cpu, cpu)
	one.allocs, one.bytes = append(one.allocs, allocs), append(one.bytes, bytes)
	fmt.Printf("BenchmarkClients/peer=%s/%v/client=%s %d %.5g msg/s %.5g cpu-ns/msg %.4g allocs/msg %.5g B/msg\n",
		peer(sink), r, l.name, m.Messages, rate, cpu, allocs, bytes)
}

func peer(sink bool) string {
	if sink {
		return "sink"
	}
	return "broker"
}

// check takes down what did not arrive as it should.
func (p *report) check(r row, l library, a arrival) {
	if l.kind == unordered {
		return // some are always on their way
	}
	missing := a.sent - a.Messages
	where := fmt.Sprintf("%v/client=%s: of %d messages", r, l.name, a.sent)
	if r.QoS == 0 && missing > 0 {
		p.lost = append(p.lost, fmt.Sprintf("%s %d lost", where, missing))
	}
	for _, f := range []struct {
		n    int64
		what string
	}{
		{a.Foreign, "nobody has published"},
		{when(r.QoS > 0, missing), "lost"},
		{when(r.QoS != 1, a.Duplicates), "twice"},
		{a.Overtaken, "overtaken"},
	} {
		if f.n != 0 {
			p.faults = append(p.faults, fmt.Sprintf("%s %d %s", where, f.n, f.what))
		}
	}
}

func when(counts bool, n int64) int64 {
	if counts {
		return n
	}
	return 0
}

func (p *report) fault(r row, l library, err error) {
	p.faults = append(p.faults, fmt.Sprintf("%v/client=%s: %v", r, l.name, err))
}

func (p *report) faulty() error {
	if len(p.faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(p.faults, "\n"))
}

// sort puts the rows into their order, as those that were measured again come last.
func (p *report) sort() {
	order := rows()
	slices.SortFunc(p.races, func(a, b *race) int { return slices.Index(order, a.row) - slices.Index(order, b.row) })
}

// print prints a table for each group of rows, with medians over the rounds.
func (p *report) print(out io.Writer, sink bool) {
	var group string
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, one := range p.races {
		if g := one.group(); g != group {
			group = g
			fmt.Fprintf(w, "\n%s, peer: %s\t\n", g, peer(sink))
			fmt.Fprintln(w, "by\tsize\tclient\tmsg/s\tCPU µs/msg\tallocs/msg\tB/msg\tspeed : best\tCPU : lowest\t")
		}
		for _, r := range one.runners {
			fmt.Fprintf(w, "%s\t%d\t%s\t%.0f\t%.3f\t%.2f\t%.0f\t", one.By, one.Size, r.name,
				median(r.rate), median(r.cpu)/1e3, median(r.allocs), median(r.bytes))
			if speed, cpu, ok := one.ratios(r); ok && r.kind == ours {
				fmt.Fprintf(w, "%.2f\t%.2f\t", speed, cpu)
			} else {
				fmt.Fprint(w, "\t\t")
			}
			fmt.Fprintln(w)
		}
	}
	w.Flush()
	for _, l := range p.lost {
		fmt.Fprintln(out, l)
	}
}

// ratios are those of r to the best of the others: in speed, and in CPU. They are
// compared round by round.
func (one *race) ratios(r *runner) (speed, cpu float64, ok bool) {
	var fastest, lowest *runner
	for _, o := range one.runners {
		switch {
		case o.kind != other:
			continue
		case fastest == nil || median(o.rate) > median(fastest.rate):
			fastest = o
		}
		if lowest == nil || median(o.cpu) < median(lowest.cpu) {
			lowest = o
		}
	}
	if fastest == nil {
		return 0, 0, false
	}
	return median(quotients(r.rate, fastest.rate)), median(quotients(r.cpu, lowest.cpu)), true
}

// quotients are those of the rounds that both have.
func quotients(a, b []float64) []float64 {
	q := make([]float64, min(len(a), len(b)))
	for i := range q {
		q[i] = a[i] / b[i]
	}
	return q
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}
