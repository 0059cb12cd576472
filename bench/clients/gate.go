//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
)

// What is promised of package client, in every row.
const (
	leastSpeed = 2   // times the messages of the fastest of the others
	mostCPU    = 0.5 // of that of the thriftiest
)

// mostAllocs is the allocations promised for a message. What happens now and then, as a
// timer, is little of one.
func (r row) mostAllocs() (limit float64, promised bool) {
	const nowAndThen = 0.1
	switch {
	case r.Op == request, r.QoS == 2:
		return 0, false
	case r.QoS == 1:
		return 1 + nowAndThen, true
	}
	return nowAndThen, true
}

// judge prints what is promised, and is an error where that is missed by more than room.
func (p *report) judge(room float64) (err error) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nmeasured\tpromised\t\t")
	judge := func(what string, measured, limit, passes float64, atLeast bool) {
		sign, verdict := "≤", "kept"
		if atLeast {
			sign = "≥"
		}
		missed := func(limit float64) bool { return atLeast && measured < limit || !atLeast && measured > limit }
		switch {
		case missed(passes):
			verdict, err = "MISSED", errors.New("a promise is not kept")
		case missed(limit):
			verdict = "within the room"
		}
		fmt.Fprintf(w, "%.3g\t%s %.3g\t%s\t  %s\n", measured, sign, limit, verdict, what)
	}
	for _, one := range p.races {
		for _, r := range one.runners {
			if !r.ours {
				continue
			}
			name := fmt.Sprintf("%v/client=%s: ", one.row, r.name)
			if speed, cpu, ok := one.ratios(r); ok {
				judge(name+"speed to the fastest", speed, leastSpeed, leastSpeed/(1+room), true)
				judge(name+"CPU to the lowest", cpu, mostCPU, mostCPU*(1+room), false)
			}
			if most, ok := one.mostAllocs(); ok {
				judge(name+"allocations of a message", median(r.allocs), most, most, false)
			}
		}
	}
	return errors.Join(err, w.Flush())
}
