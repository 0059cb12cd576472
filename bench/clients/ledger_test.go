//go:build linux

package main

import "testing"

func TestLedger(t *testing.T) {
	for _, c := range []struct {
		what    string
		numbers []uint64
		want    tally
	}{
		{"all in order", []uint64{0, 1, 2}, tally{Messages: 3}},
		{"one twice", []uint64{0, 1, 1, 2}, tally{Messages: 3, Duplicates: 1}},
		{"one twice, late", []uint64{0, 1, 2, 0}, tally{Messages: 3, Duplicates: 1}},
		{"two change places", []uint64{0, 2, 1, 3}, tally{Messages: 4, Overtaken: 1}},
		{"one is lost", []uint64{0, 2, 3}, tally{Messages: 3, Missing: 1}},
		{"the first is lost", []uint64{1, 2}, tally{Messages: 2, Missing: 1}},
		{"far apart", []uint64{0, 1000}, tally{Messages: 2, Missing: 999}},
		{"no such number", []uint64{0, 1 << 40}, tally{Messages: 1, Foreign: 1}},
	} {
		var l ledger
		for _, n := range c.numbers {
			for _, publisher := range []uint32{0, window - 1} { // each has numbers of its own
				s := source{publisher, n}
				l.note(s.fill(make([]byte, 20)))
			}
		}
		double := c.want
		for _, n := range []*int64{&double.Messages, &double.Duplicates, &double.Overtaken, &double.Missing, &double.Foreign} {
			*n *= 2
		}
		if got := l.sum(); got != double {
			t.Errorf("%s: %+v, want %+v", c.what, got, double)
		}
	}
}

func TestLedgerForeign(t *testing.T) {
	var l ledger
	stranger := source{publisher: window}
	for _, payload := range [][]byte{nil, {1, 2, 3}, stranger.fill(make([]byte, 20))} {
		l.note(payload)
	}
	if got, want := l.sum(), (tally{Foreign: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
