//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
)

// promised is the ratios promised of package client: how many times the messages of the
// fastest of the others, and what share of the CPU of the thriftiest. One goroutine that
// waits for each message pays for its system calls, which is nearly all there is to pay:
// no client can be much better there than one that does little else, as bare shows.
func (r row) promised() (leastSpeed, mostCPU float64) {
	if r.By == byOne {
		return 1, 1
	}
	return 2, 0.5
}

// mostAllocs is the allocations promised for a message: a handle is one. What happens now
// and then, as a timer, is little of one.
func (r row) mostAllocs() (limit float64, promised bool) {
	const nowAndThen = 0.1
	switch {
	case r.Op == request, r.QoS == 2:
		return 0, false
	case r.QoS == 1, r.By == byAsync:
		return 1 + nowAndThen, true
	}
	return nowAndThen, true
}

// judge prints what is promised, and is an error where that is missed by more than room.
func (p *report) judge(out io.Writer, room float64) (err error) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
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
			if r.kind != ours {
				continue
			}
			name := fmt.Sprintf("%v/client=%s: ", one.row, r.name)
			if speed, cpu, ok := one.ratios(r); ok {
				leastSpeed, mostCPU := one.promised()
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
