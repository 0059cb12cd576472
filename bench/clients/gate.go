//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
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

// promise is one of them, and what was measured.
type promise struct {
	what            string
	measured, limit float64
	atLeast         bool // or at most
	room            float64
}

func (p promise) missed(limit float64) bool {
	if p.atLeast {
		return p.measured < limit
	}
	return p.measured > limit
}

func (p promise) verdict() string {
	passes := p.limit * (1 + p.room)
	if p.atLeast {
		passes = p.limit / (1 + p.room)
	}
	switch {
	case p.missed(passes):
		return missed
	case p.missed(p.limit):
		return "within the room"
	}
	return "kept"
}

const missed = "MISSED"

// promises are those of a row.
func (one *race) promises(room float64) (all []promise) {
	leastSpeed, mostCPU := one.promised()
	for _, r := range one.runners {
		if r.kind != ours {
			continue
		}
		name := fmt.Sprintf("%v/client=%s: ", one.row, r.name)
		if speed, cpu, ok := one.ratios(r); ok {
			all = append(all,
				promise{name + "speed to the fastest", speed, leastSpeed, true, room},
				promise{name + "CPU to the lowest", cpu, mostCPU, false, room})
		}
		if most, ok := one.mostAllocs(); ok {
			all = append(all, promise{name + "allocations of a message", median(r.allocs), most, false, 0})
		}
	}
	return all
}

// forgetMissed gives the rows where a promise is missed, and forgets them, so that they
// can be measured again.
func (p *report) forgetMissed(room float64) (again []row) {
	p.races = slices.DeleteFunc(p.races, func(one *race) bool {
		lost := slices.ContainsFunc(one.promises(room), func(p promise) bool { return p.verdict() == missed })
		if lost {
			again = append(again, one.row)
		}
		return lost
	})
	return again
}

// judge prints what is promised, and is an error where that is missed by more than room.
func (p *report) judge(out io.Writer, room float64) (err error) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\nmeasured\tpromised\t\t")
	for _, one := range p.races {
		for _, p := range one.promises(room) {
			sign := "≤"
			if p.atLeast {
				sign = "≥"
			}
			if p.verdict() == missed {
				err = errors.New("a promise is not kept")
			}
			fmt.Fprintf(w, "%.3g\t%s %.3g\t%s\t  %s\n", p.measured, sign, p.limit, p.verdict(), p.what)
		}
	}
	return errors.Join(err, w.Flush())
}
