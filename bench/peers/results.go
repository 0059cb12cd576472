//go:build linux

package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/fletchmq/fletch/bench/load"
)

// results is what the lines of all runs say.
type results struct {
	header header
	rows   map[string]*measured // by name
}

// measured is a row, in the last run that has measured it.
type measured struct {
	run   string
	cells map[string]*cell // by broker
}

// cell is a broker in a row.
type cell struct {
	rounds []*load.Result
	failed string // why that ended early, "" if it did not
}

// read takes the lines of in. The last header counts, and brokers of earlier ones.
func read(in io.Reader) (*results, error) {
	all := &results{rows: map[string]*measured{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if l.Header != nil {
			all.begin(*l.Header)
		} else {
			all.add(l)
		}
	}
	return all, lines.Err()
}

func (all *results) begin(h header) {
	for _, old := range all.header.Brokers {
		if !slices.ContainsFunc(h.Brokers, func(v version) bool { return v.Name == old.Name }) {
			h.Brokers = append(h.Brokers, old)
		}
	}
	h.Quick = h.Quick || all.header.Quick
	all.header = h
}

func (all *results) add(l line) {
	m := all.rows[l.Row]
	if m == nil || m.run != l.Run {
		m = &measured{run: l.Run, cells: map[string]*cell{}}
		all.rows[l.Row] = m
	}
	c := m.cells[l.Broker]
	if c == nil {
		c = &cell{}
		m.cells[l.Broker] = c
	}
	if l.Result != nil {
		c.rounds = append(c.rounds, l.Result)
	}
	c.failed = l.Failed
}

// of is a broker in a row, nil if it is not measured there.
func (all *results) of(row, broker string) *cell {
	if m := all.rows[row]; m != nil {
		return m.cells[broker]
	}
	return nil
}

// tally is what went wrong in all rounds.
func (c *cell) tally() (t load.Tally) {
	for _, r := range c.rounds {
		t.Lost += r.Tally.Lost
		t.Duplicated += r.Tally.Duplicated
		t.Reordered += r.Tally.Reordered
		t.Foreign += r.Tally.Foreign
	}
	return t
}

// counts is whether there is a figure, and no reason to doubt it.
func (c *cell) counts() bool {
	return c != nil && c.failed == "" && c.tally() == load.Tally{}
}

// value is the median of the rounds.
func (c *cell) value(unit string) (v float64, ok bool) {
	if c == nil || c.failed != "" {
		return 0, false
	}
	var values []float64
	for _, r := range c.rounds {
		if v, ok := r.Value(unit); ok {
			values = append(values, v)
		}
	}
	return median(values), len(values) > 0
}

// typical is the round whose figure is the median, the lower one of two.
func (c *cell) typical(unit string) *load.Result {
	if !c.counts() {
		return nil
	}
	rounds := slices.Clone(c.rounds)
	slices.SortStableFunc(rounds, func(a, b *load.Result) int {
		x, _ := a.Value(unit)
		y, _ := b.Value(unit)
		return cmp.Compare(x, y)
	})
	return rounds[(len(rounds)-1)/2]
}

// median is NaN of nothing.
func median(all []float64) float64 {
	if len(all) == 0 {
		return math.NaN()
	}
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}
