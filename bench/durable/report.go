//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
)

// report prints what is measured, and keeps what is promised.
type report struct {
	room float64
	bars []bar
}

// value is one of those that benchstat compares.
type value struct {
	v    float64
	unit string
}

// result prints a line for benchstat, with its coordinates in name.
func (r *report) result(name string, n int, values ...value) {
	fmt.Printf("BenchmarkDurable/%s %d", name, n)
	for _, v := range values {
		fmt.Printf(" %.5g %s", v.v, v.unit)
	}
	fmt.Println()
}

// bar is what is promised of a ratio or an amount.
type bar struct {
	what    string
	limit   float64
	atLeast bool // or at most
	samples []float64
}

// sample takes down what was measured in one round.
func (r *report) sample(of bar, measured float64) {
	i := slices.IndexFunc(r.bars, func(b bar) bool { return b.what == of.what })
	if i < 0 {
		i, r.bars = len(r.bars), append(r.bars, of)
	}
	r.bars[i].samples = append(r.bars[i].samples, measured)
}

// verdict prints the table of what is promised, with medians over the rounds.
func (r *report) verdict() (err error) {
	if len(r.bars) == 0 {
		return nil
	}
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "measured\tpromised\t\t")
	for _, b := range r.bars {
		m, sign, within, kept := median(b.samples), "≤", 1+r.room, "kept"
		if b.atLeast {
			sign, within = "≥", 1/within
		}
		switch missed := func(limit float64) bool { return b.atLeast != (m > limit) && m != limit }; {
		case missed(b.limit * within):
			kept, err = "MISSED", errors.New("a promise is not kept")
		case missed(b.limit):
			kept = "within the room"
		}
		fmt.Fprintf(w, "%.4g\t%s %.4g\t%s\t  %s\n", m, sign, b.limit, kept, b.what)
	}
	return errors.Join(err, w.Flush())
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}
