//go:build linux

// Command durable measures what it costs that acknowledged means stored: Fletch at
// each durability, and Mosquitto, in turn in one run.
//
//	go run ./bench/durable [flags] FLETCH
//
// FLETCH is the program to measure. Of what -run names,
//
//   - pairs is 100 publishers, each with a subscriber that is connected and has a
//     session, and absent is the same with the sessions alone: 256 bytes, QoS 1;
//   - queued is many messages for absent sessions, what memory they take, and how the
//     sessions get them when they come back with a small Receive Maximum, all of
//     them, in order and never more than that at once;
//   - start is how soon a broker answers that was killed with many sessions and
//     retained messages, and whether they are there;
//   - latency is that of messages at QoS 0, alone and beside a stream at QoS 1.
//
// Each result is a line for benchstat. At the end stands a table of what is promised
// and whether it was kept; it fails where something was missed by more than -room.
// CPU is user and kernel time of the broker alone, with what it does behind the last
// acknowledgement until it is quiet; load-cpu is that of this program. What
// a round compares is measured in turn, as machines and disks have their moods: the
// ratios are medians over the rounds.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// bench is one run.
type bench struct {
	dir     string // of this run, below -data
	brokers []broker
	report  report

	rounds, messages, window           int
	queued, absent, sessions, retained int
	limit                              time.Duration
}

// part is something that is measured.
type part struct {
	name    string
	measure func(*bench) error
}

// parts is what -run may name, in the order in which it happens.
var parts = []part{
	{"pairs", func(b *bench) error { return b.perMessage(connected) }},
	{"absent", func(b *bench) error { return b.perMessage(absent) }},
	{"queued", (*bench).queues},
	{"start", (*bench).starts},
	{"latency", (*bench).latencies},
}

func main() {
	var b bench
	var run, only []string
	data := flag.String("data", os.TempDir(), "a `directory` on the disk to be measured")
	flag.Func("run", "the parts to measure, of pairs,absent,queued,start,latency (all)", func(s string) error {
		run = strings.Split(s, ",")
		return known(run)
	})
	flag.Func("brokers", "those to measure, of memory,written,fsync,mosquitto (all)", func(s string) error {
		only = strings.Split(s, ",")
		return nil
	})
	flag.IntVar(&b.rounds, "rounds", 6, "how often pairs, absent and latency measure each broker")
	flag.IntVar(&b.messages, "messages", 200_000, "of a round of pairs and absent")
	flag.IntVar(&b.window, "window", 20, "unacknowledged messages of a publisher")
	flag.DurationVar(&b.limit, "limit", 10*time.Second, "for the messages of a round: then there are fewer")
	flag.IntVar(&b.queued, "queued", 1_000_000, "messages of queued")
	flag.IntVar(&b.absent, "absent", 1000, "sessions of queued")
	flag.IntVar(&b.sessions, "sessions", 100_000, "sessions of start")
	flag.IntVar(&b.retained, "retained", 100_000, "retained messages of start")
	flag.Float64Var(&b.report.room, "room", 0.15, "how much worse than promised passes, as a share: machines are noisy")
	stream := flag.String("stream", "", "only keep the broker at `address` busy until the input ends; latency calls itself so")
	rate := flag.Float64("rate", 0, "with -stream, messages per second; 0 is as fast as acknowledged")
	flag.Parse()

	err := errors.New("expected FLETCH, the program to measure")
	switch {
	case *stream != "":
		err = streamTo(*stream, *rate)
	case flag.NArg() == 1:
		err = b.run(flag.Arg(0), *data, run, only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "durable:", err)
		os.Exit(1)
	}
}

func known(run []string) error {
	for _, name := range run {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("%s: there is no such part", name)
		}
	}
	return nil
}

func (b *bench) run(fletch, data string, run, only []string) (err error) {
	if b.dir, err = os.MkdirTemp(data, "durable-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if b.brokers, err = available(fletch, only); err != nil {
		return err
	}
	if err := b.disk(); err != nil {
		return err
	}
	for _, p := range parts {
		if len(run) > 0 && !slices.Contains(run, p.name) {
			continue
		}
		if err := p.measure(b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return b.report.verdict()
}
