//go:build linux

package main

import (
	"io"
	"slices"
	"testing"
)

// What counts as a fault depends on the QoS.
func TestCheck(t *testing.T) {
	arrived := arrival{sent: 10, tally: tally{Messages: 9, Missing: 1, Duplicates: 2}}
	for _, c := range []struct {
		row          row
		kind         kind
		faults, lost int
	}{
		{row{Op: publish, QoS: 0}, other, 1, 1}, // the duplicates
		{row{Op: publish, QoS: 1}, other, 1, 0}, // the loss
		{row{Op: publish, QoS: 2}, other, 2, 0}, // both
		{row{Op: receive, QoS: 0}, unordered, 0, 0},
	} {
		var p report
		p.check(c.row, library{name: "x", kind: c.kind}, arrived)
		if len(p.faults) != c.faults || len(p.lost) != c.lost {
			t.Errorf("%v: %q, %q, want %d faults and %d lines of loss", c.row, p.faults, p.lost, c.faults, c.lost)
		}
	}
	var p report
	p.check(row{Op: publish, QoS: 2}, library{}, arrival{sent: 10, tally: tally{Messages: 10}})
	p.check(row{Op: publish, QoS: 2}, library{}, arrival{sent: 10, tally: tally{Messages: 10, Overtaken: 1}})
	if len(p.faults) != 1 {
		t.Errorf("%q, want the overtaken message alone", p.faults)
	}
}

// The fastest and the thriftiest may be two, and neither is what only shows something.
func TestRatios(t *testing.T) {
	mine := &runner{library: library{kind: ours}, rate: []float64{30, 10, 20}, cpu: []float64{1, 1, 1}}
	in := race{runners: []*runner{
		mine,
		{library: library{kind: other}, rate: []float64{10, 10, 10}, cpu: []float64{4, 8, 4}},
		{library: library{kind: other}, rate: []float64{5, 5, 5}, cpu: []float64{2, 2, 2}},
		{library: library{kind: floor}, rate: []float64{99, 99, 99}, cpu: []float64{1, 1, 1}},
		{library: library{kind: unordered}, rate: []float64{99, 99, 99}, cpu: []float64{1, 1, 1}},
	}}
	if speed, cpu, ok := in.ratios(mine); speed != 2 || cpu != 0.5 || !ok {
		t.Errorf("speed %v, CPU %v, %v, want 2, 0.5 and true", speed, cpu, ok)
	}
	alone := race{runners: []*runner{mine}}
	if _, _, ok := alone.ratios(mine); ok {
		t.Error("a ratio without another library")
	}
}

func TestJudge(t *testing.T) {
	p := report{races: []*race{{row: row{Op: publish, By: byMany}, runners: []*runner{
		{library: library{name: "mine", kind: ours}, rate: []float64{18}, cpu: []float64{1}, allocs: []float64{0}},
		{library: library{name: "theirs"}, rate: []float64{10}, cpu: []float64{2}},
	}}}}
	if err := p.judge(io.Discard, 0.15); err != nil {
		t.Errorf("1.8 times, with room: %v", err)
	}
	if p.judge(io.Discard, 0.1) == nil {
		t.Error("1.8 times passes for 2 with little room")
	}
	p.races[0].runners[0].allocs = []float64{1}
	if p.judge(io.Discard, 0.15) == nil {
		t.Error("an allocation at QoS 0 passes")
	}
	if again := p.forgetMissed(0.15); len(again) != 1 || len(p.races) != 0 {
		t.Errorf("%v are to be measured again, %d rows are left", again, len(p.races))
	}
}

func TestNamed(t *testing.T) {
	some, err := named("mqtt-go,fletch")
	if err != nil || !slices.EqualFunc(some, []string{"mqtt-go", "fletch"}, func(l library, name string) bool { return l.name == name }) {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := named("fletch,nobody"); err == nil {
		t.Error("a client that there is not")
	}
}
