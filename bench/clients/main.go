//go:build linux

// Command clients measures package client beside the other MQTT libraries for Go, on
// the same broker, in one run, in turn.
//
//	go run . [flags] FLETCH
//
// FLETCH is the program that is the broker; with -sink there is none, but a peer that
// takes everything in and routes nothing. README.md says what is measured, and how.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"
)

func main() {
	b := bench{only: regexp.MustCompile("")}
	var quick bool
	flag.IntVar(&b.rounds, "rounds", 10, "how often each row measures each client")
	flag.DurationVar(&b.time, "time", 300*time.Millisecond, "of a measurement")
	flag.BoolVar(&quick, "quick", false, "3 rounds of 150ms")
	flag.BoolVar(&b.sink, "sink", false, "without a broker: the limits of the clients alone")
	flag.Func("run", "the rows to measure, a `pattern` (all)", func(s string) (err error) {
		b.only, err = regexp.Compile(s)
		return err
	})
	list := flag.String("clients", "", "the clients to measure, with commas between them (all)")
	flag.BoolVar(&b.gate, "gate", false, "-quick without large payloads published, and fail where a promise is not kept")
	flag.Float64Var(&b.room, "room", 0.15, "with -gate, how much worse than promised passes, as a share: machines are noisy")
	worker := flag.String("worker", "", "be the worker that does this `task`; this program calls itself so")
	flag.Parse()
	if *worker != "" {
		exit(work(*worker))
	}
	if quick || b.gate {
		b.rounds, b.time = 3, 150*time.Millisecond
	}
	var err error
	if b.libraries, err = named(*list); err == nil {
		err = b.run(flag.Args())
	}
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// bench is one run.
type bench struct {
	libraries []library
	rounds    int
	time      time.Duration
	sink      bool
	only      *regexp.Regexp
	gate      bool
	room      float64

	broker *broker
	tasks  int
	report report
}

func (b *bench) run(args []string) error {
	switch {
	case b.sink && len(args) > 0:
		return errors.New("expected no program with -sink")
	case !b.sink && len(args) != 1:
		return errors.New("expected FLETCH, the program that is the broker")
	case !b.sink:
		var err error
		if b.broker, err = start(args[0]); err != nil {
			return err
		}
		defer b.broker.end()
	}
	if err := b.measureAll(b.rows()); err != nil {
		return err
	}
	for attempt := 1; b.gate && attempt < attempts; attempt++ {
		if err := b.measureAll(b.report.forgetMissed(b.room)); err != nil {
			return err
		}
	}
	b.report.sort()
	b.report.print(os.Stdout, b.sink)
	err := b.report.faulty()
	if b.gate {
		err = errors.Join(err, b.report.judge(os.Stdout, b.room))
	}
	return err
}

// attempts is how many a row has to keep its promises: what disturbs for a while is
// gone then.
const attempts = 3

func (b *bench) rows() []row {
	return slices.DeleteFunc(rows(), func(r row) bool {
		return !b.only.MatchString(r.String()) || b.gate && r.Op == publish && r.Size > 20
	})
}

// measureAll measures in rounds. Another client is the first in each.
func (b *bench) measureAll(rows []row) error {
	for round := range b.rounds {
		for _, r := range rows {
			for i := range b.libraries {
				l := b.libraries[(i+round)%len(b.libraries)]
				if l.takes(r) && !(b.gate && l.kind == unordered) {
					b.sample(round, r, l)
				}
				if err := b.broker.over(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// sample measures once, and in the first round looks whether all arrives.
func (b *bench) sample(round int, r row, l library) {
	const warm = 4 // of a measurement, what comes before it
	b.tasks++
	t := task{Library: l.name, Topic: fmt.Sprint("bench/load/", b.tasks), Row: r, Time: b.time, Warm: b.time / warm}
	measured, arrived, err := b.measure(t)
	if err == nil && round == 0 && r.Op == publish && !b.sink {
		t.Time, t.Warm = b.time/warm, 0
		arrived, err = b.verify(t)
	}
	if err != nil {
		b.report.fault(r, l, err)
		return
	}
	b.report.add(r, l, measured, b.sink)
	b.report.check(r, l, arrived)
}

// arrival is what was sent to who checks, and what came.
type arrival struct {
	sent int64
	tally
}

// measure has a worker do t. It gives what it measured and, unless nobody looked, what
// arrived of its messages, or at it.
func (b *bench) measure(t task) (r result, a arrival, err error) {
	switch {
	case b.sink:
		s, err := openSink(t.Topic, t.Row)
		if err != nil {
			return r, a, err
		}
		r, err = t.give(s.Addr().String())
		a = arrival{r.Sent, s.close()}
		return r, t.Row.arrived(r, a), err
	case t.Row.Op == publish: // nobody subscribes
		r, err = t.give(b.broker.address)
		return r, a, err
	}
	c, err := accompany(b.broker.address, t.Topic, t.Row)
	if err != nil {
		return r, a, err
	}
	defer c.close()
	r, err = t.give(b.broker.address)
	return r, t.Row.arrived(r, a), err
}

// arrived is what arrived: a, that of the other side, where r was published.
func (r row) arrived(by result, a arrival) arrival {
	switch r.Op {
	case publish:
		return a
	case receive:
		return arrival{by.Tally.Messages + by.Tally.Missing, by.Tally}
	}
	return arrival{} // each request had its response
}

// verify publishes to a subscriber that checks.
func (b *bench) verify(t task) (a arrival, err error) {
	c, err := accompany(b.broker.address, t.Topic, t.Row)
	if err != nil {
		return a, err
	}
	r, err := t.give(b.broker.address)
	return arrival{r.Sent, c.check(r.Sent)}, err
}
