//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletchmq/fletch/bench/load"
)

// series is a curve of Fletch alone.
type series struct {
	name  string
	x     string // what there is more and more of
	at    []int  // how many
	args  func(n int) string
	quick string
	serve func(n int) string // more arguments of fletch serve, nil for none
	units []string           // what is plotted, one plot for each
	note  string             // why it is not flat, or linear
}

// most is how many connections the limit of open files allows, with room for others.
func most() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 1000
	}
	return int(min(l.Max, 20_000)) - 1000
}

func allSeries() []series {
	return []series{
		{
			name: "connections", x: "connections, half of them publish at 10 000/s together", at: []int{10, 100, 1000, 5000, most()},
			args:  func(n int) string { return fmt.Sprintf("pairs --publishers %d --rate 10000", n/2) + usually },
			quick: shortly, units: []string{load.CPUPerMessage, load.ResidentMemory},
			note: "Flat: with few connections more messages of one are there when the broker looks.",
		},
		{
			name: "subscriptions", x: "subscriptions", at: []int{1000, 30_000, 1_000_000},
			args:  func(n int) string { return fmt.Sprintf("wild --count %d", n) + usually },
			quick: shortly + " --count 1000", units: []string{load.CPUPerPublish, load.ResidentPerFilter},
			note: "A million filters do not fit into the caches of the processor, and a lookup touches a few of them. Memory that was there before hides what the first filters take.",
		},
		{
			name: "payload", x: "bytes of payload", at: []int{16, 256, 1 << 10, 4 << 10, 64 << 10, 256 << 10},
			args: func(n int) string {
				batch := max(1, min(32, 64<<10/n))
				return fmt.Sprintf("pairs --publishers 20 --size %d --batch %d --credit %d", n, batch, 2*batch) + usually
			},
			quick: shortly, units: []string{load.CPUPerMessage},
			note: "Below 1 KiB it is what each message costs, and above it the copies that the system makes. A packet that is larger than what is read at once is put together first, which is one copy more.",
		},
		{
			name: "fan-out", x: "subscribers of each message", at: []int{1, 10, 100, 1000, 10_000},
			args:  func(n int) string { return fmt.Sprintf("fan-out --subscribers %d", n) + usually },
			quick: shortly, units: []string{load.CPUPerMessage},
			note: "With few subscribers there is little to share the cost of receiving a message. With thousands, the state of their connections does not fit into the caches.",
		},
		{
			name: "loops, pairs", x: "loops", at: []int{1, 2}, serve: loops,
			args:  func(int) string { return "pairs" + usually },
			quick: shortly, units: []string{load.CPUPerMessage, load.PerSecond},
			note: "The load takes the other processor: here a second loop only makes connections of one write to those of the other.",
		},
		{
			name: "loops, fan-out", x: "loops", at: []int{1, 2}, serve: loops,
			args:  func(int) string { return "fan-out" + usually },
			quick: shortly, units: []string{load.CPUPerMessage, load.PerSecond},
		},
		{
			name: "idle connections", x: "idle connections with a subscription each", at: []int{1000, 5000, most()},
			args:  func(n int) string { return fmt.Sprintf("idle --subscribers %d", n) },
			quick: "--subscribers 200", units: []string{load.ResidentPerConnection},
			note: "Linear: what the broker takes once, such as the tables that grow, is shared by more.",
		},
		{
			name: "retained messages", x: "retained messages of 64 B", at: []int{10_000, 100_000, 1_000_000},
			args:  func(n int) string { return fmt.Sprintf("retained --count %d", n) },
			quick: "--count 1000", units: []string{load.ResidentPerTopic},
			note: "Linear, likewise.",
		},
		{
			name: "queued messages", x: "messages of 1 KiB that wait for a client", at: []int{10_000, 20_000, 50_000, 100_000},
			args: func(n int) string {
				return fmt.Sprintf("slow --rate 20000 --duration %v", time.Duration(n)*time.Second/20_000)
			},
			quick: shortly, units: []string{load.ResidentPeak},
			note: "Linear. Memory of messages comes in powers of two: one of 1 KiB and a topic name takes 2 KiB.",
		},
	}
}

func loops(n int) string { return fmt.Sprint("--loops ", n) }

// curves are the rows of all series.
func curves() (all []row) {
	for _, s := range allSeries() {
		for _, n := range slices.Compact(slices.Sorted(slices.Values(s.at))) {
			r := row{
				section: growth, name: fmt.Sprintf("growth: %s=%d", s.name, n), args: s.args(n), quick: s.quick,
				rounds: 1, limit: 2 * time.Minute, series: s.name, x: float64(n),
			}
			if s.serve != nil {
				r.more = map[string]string{fletchName: s.serve(n)}
			}
			all = append(all, r)
		}
	}
	return all
}
