package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/fletchmq/fletch/bench/load"
)

// table is res for people.
func table(out io.Writer, res *load.Result) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, m := range res.Metrics {
		fmt.Fprintf(t, "%s\t%s\t\n", figure(m.Value), m.Unit)
	}
	t.Flush()
}

// figure is a number with four digits that count, and no exponent.
func figure(v float64) string {
	switch {
	case v >= 1000 || v == float64(int(v)):
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// tally says what is wrong.
func tally(t load.Tally) string {
	var all []string
	for _, n := range []struct {
		of   uint64
		what string
	}{{t.Lost, "lost"}, {t.Duplicated, "delivered twice"}, {t.Reordered, "behind a later one"}, {t.Foreign, "not published by this run"}} {
		if n.of > 0 {
			all = append(all, fmt.Sprintf("%d messages %s", n.of, n.what))
		}
	}
	return strings.Join(all, ", ")
}

// Help is what fletch bench --help says before the flags.
func (*bench) Help() string {
	var b strings.Builder
	b.WriteString(`Publishers and subscribers connect to a broker, of whatever make, and each message that arrives is checked: a run in which one is lost, comes twice or behind a later one fails. With --pid the processor time and the memory of the broker are measured, of which the time for each message (cpu-µs/msg) is the figure to compare: broker and load share a machine, so that rates say as much about the load.

    fletch serve & fletch bench pairs --pid $!
    fletch bench fan-out --qos 1 --subscribers 200
    fletch bench pairs --rate 10000 --plot latency.svg

Scenarios, and the defaults of their flags:

`)
	names, help := load.Scenarios()
	for i, name := range names {
		fmt.Fprintf(&b, "    %-9s %s\n", name, help[i])
		fmt.Fprintf(&b, "    %-9s %s\n", "", standard(name))
	}
	return b.String()
}

// standard is the flags that a scenario has if nothing else is said.
func standard(scenario string) string {
	c, err := load.Config{Scenario: scenario}.Complete()
	if err != nil {
		panic(err) // there is nothing in it that could be wrong
	}
	var all []string
	for _, f := range []struct {
		flag  string
		value int
	}{{"publishers", c.Publishers}, {"subscribers", c.Subscribers}, {"count", c.Count}} {
		if f.value > 0 {
			all = append(all, fmt.Sprintf("--%s %d", f.flag, f.value))
		}
	}
	return strings.Join(all, " ")
}
