//go:build linux

package main

import (
	"fmt"
	"time"
)

// section is which tables and plots a row is in.
type section int

const (
	closed section = iota // as fast as it goes
	paced                 // at a fixed rate, with latencies
	others                // connections, filters, retained messages
	growth                // Fletch alone, with more and more of something
)

// row is a load that brokers are put under.
type row struct {
	section section
	name    string
	args    string // of fletch bench
	quick   string // added to args with -quick

	// floor is what the relay is put under in this row: the same at QoS 0, or what
	// is nearest to it. "" is nothing.
	floor string

	note   string        // in the report
	rounds int           // at most, 0 is any number
	limit  time.Duration // for one measurement, 0 is a minute

	// A row of growth.
	series string
	x      float64
	serve  string // added to the arguments of fletch serve
}

const (
	usually = " --warmup 500ms --duration 1500ms"
	longer  = " --warmup 500ms --duration 2500ms"
	shortly = "--warmup 50ms --duration 200ms"
)

// rows is all that is measured, in the order of the report.
func rows() []row {
	return append([]row{
		messages("pairs, QoS 0", "pairs", "pairs"),
		messages("pairs, QoS 0, 16 B", "pairs --size 16", "pairs --size 16"),
		messages("pairs, QoS 0, 4 KiB, batch 8", "pairs --size 4096 --batch 8", "pairs --size 4096 --batch 8"),
		messages("20 pairs, QoS 0, 64 KiB, batch 2", "pairs --publishers 20 --size 65536 --batch 2 --credit 4", "pairs --publishers 20 --size 65536 --batch 2 --credit 4"),
		messages("pairs, QoS 0, single", "pairs --batch 1 --credit 1", "pairs --batch 1 --credit 1"),
		messages("fan-in 50 → 5, QoS 0", "fan-in", "pairs"),
		messages("fan-in 50 → 1, QoS 0", "fan-in --subscribers 1", "pairs"),
		messages("fan-out, QoS 0", "fan-out", "fan-out"),
		messages("fan-out, QoS 0, single", "fan-out --batch 1 --credit 1", "fan-out --batch 1 --credit 1"),
		messages("pairs, QoS 1", "pairs --qos 1", "pairs"),
		messages("pairs, QoS 1, single", "pairs --qos 1 --batch 1 --credit 1", "pairs --batch 1 --credit 1"),
		messages("pairs, QoS 2", "pairs --qos 2", "pairs"),
		messages("fan-in 50 → 5, QoS 1", "fan-in --qos 1", "pairs"),
		messages("fan-in 50 → 5, QoS 2", "fan-in --qos 2", "pairs"),
		messages("fan-out, QoS 1", "fan-out --qos 1", "fan-out"),

		rate("100 pairs at 10 000/s, QoS 0", "pairs --rate 10000", "pairs --rate 10000"),
		rate("100 pairs at 10 000/s, QoS 1", "pairs --rate 10000 --qos 1", "pairs --rate 10000"),
		rate("100 pairs at 40 000/s, QoS 0", "pairs --rate 40000", "pairs --rate 40000"),
		rate("fan-in 50 → 5 at 5 000/s, QoS 0", "fan-in --rate 5000", ""),
		rate("fan-out 1 → 1 000 at 20/s, QoS 0", "fan-out --rate 20", "fan-out --rate 20"),

		{
			section: others, name: "slow", args: "slow --duration 5s", quick: shortly, rounds: 1,
			note: "One of three subscribers reads nothing for 5 s at 20 000/s of 1 KiB. The latencies are those of the two others.",
		},
		{
			section: others, name: "idle", args: "idle --subscribers " + fmt.Sprint(most()), quick: "--subscribers 500", rounds: 1, limit: 3 * time.Minute,
			note: fmt.Sprintf("%s connections with a subscription each.", whole(int64(most()))),
		},
		{
			section: others, name: "churn", args: "churn" + usually, quick: shortly,
			note: "50 clients connect, subscribe and disconnect, again and again.",
		},
		{
			section: others, name: "retained", args: "retained", quick: "--count 1000", rounds: 1, limit: 2 * time.Minute,
			note: "200 000 retained messages of 64 B are stored, and then delivered to a subscriber of `#`.",
		},
		{
			section: others, name: "wild", args: "wild" + usually, quick: "--count 1000 " + shortly, rounds: 1, limit: 2 * time.Minute,
			note: "100 000 filters like `a/+/c/#` on 1 000 connections. One message in two has a receiver.",
		},
	}, curves()...)
}

func messages(name, args, floor string) row {
	return row{section: closed, name: name, args: args + usually, quick: shortly, floor: floor + usually}
}

func rate(name, args, floor string) row {
	if floor != "" {
		floor += longer
	}
	return row{section: paced, name: name, args: args + longer, quick: shortly, floor: floor}
}
