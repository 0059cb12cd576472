//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/fletchmq/fletch/bench/load"
)

// writeReport writes what the lines say.
func writeReport() error {
	f, err := os.Open(linesAt)
	if err != nil {
		return err
	}
	defer f.Close()
	all, err := read(f)
	if err != nil {
		return fmt.Errorf("%s: %w", linesAt, err)
	}
	plots, err := all.plot(plotsAt)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	all.report(&text, plots)
	return os.WriteFile(resultAt, text.Bytes(), 0o666)
}

// page is a report that is being written.
type page struct {
	*results
	out   io.Writer
	notes []string
	plots map[string]string // files, by what they show
}

func (all *results) report(out io.Writer, plots map[string]string) {
	p := &page{results: all, out: out, plots: plots}
	p.head()
	p.messages()
	p.latencies()
	p.others()
	p.growths()
	p.commands()
	for i, n := range p.notes {
		p.print("[^%d]: %s\n", i+1, n)
	}
}

func (p *page) print(format string, args ...any) { fmt.Fprintf(p.out, format, args...) }

func (p *page) head() {
	p.print("# Fletch beside other brokers\n\n")
	if p.header.Quick {
		p.print("**A part of this was measured so shortly (`-quick`) that it means nothing.**\n\n")
	}
	p.print(`Written by `+"`make bench-peers`"+`, which starts a broker for each measurement, freshly, and puts
it under the load of `+"`fletch bench`"+` by loopback on the same machine. The brokers take
turns, in %d rounds, and figures are medians of these. What is about memory, and the
growth, is measured once.

What compares is the processor time of the broker, user and system, for each message
that was delivered. How many there are in a second says as much about the load, which
shares the machine.

The relay is the floor: it moves the same bytes between the same sockets, and parses
nothing. At QoS 1 and 2, and in fan-in, which it cannot do, it moves those of pairs or
fan-out at QoS 0.

Each message is numbered, and each receiver checks that all come, once, and in order.
A figure ~~struck out~~ is void, as they did not. The best of the other brokers is in
**bold**.

`, p.header.Rounds)
	p.print("Machine: %s, %s.\n\nBrokers: ", p.header.Machine, p.header.GoSystem)
	for i, b := range p.header.Brokers {
		if i > 0 {
			p.print(", ")
		}
		p.print("%s", strings.TrimSpace(b.Name+" "+b.Version))
	}
	p.print(".\n")
}

func (p *page) messages() {
	rows := p.in(closed)
	p.table(table{
		title: "Processor time, µs for each delivered message", rows: rows, ratios: true,
		units: []unit{{load.CPUPerMessage, "", 1}}, by: load.CPUPerMessage,
	})
	p.table(table{
		title: "Messages delivered in a second", rows: rows,
		units: []unit{{load.PerSecond, "", 1}}, by: load.PerSecond,
	})
	p.table(table{
		title: "Resident memory under load, MiB", rows: rows,
		units: []unit{{load.ResidentMemory, "", 1 << 20}}, by: load.ResidentMemory,
	})
}

func (p *page) latencies() {
	rows := p.in(paced)
	p.table(table{
		title: "Latency at a fixed rate, µs: p50 / p99 / p99.9", rows: rows, ratios: true,
		units: []unit{{load.LatencyMedian, "", 1}, {load.Latency99, "", 1}, {load.Latency999, "", 1}}, by: load.Latency99,
		note: "It counts from when a message was due. The best is that of the lowest p99, and that is what the ratios are of.",
	})
	p.table(table{
		title: "Processor time at a fixed rate, µs for each delivered message", rows: rows, ratios: true,
		units: []unit{{load.CPUPerMessage, "", 1}}, by: load.CPUPerMessage,
	})
	for _, r := range rows {
		p.image("latency: " + r.name)
	}
}

// others has a line for each figure of each row.
func (p *page) others() {
	for _, r := range p.in(others) {
		t := table{title: strings.ToUpper(r.name[:1]) + r.name[1:], note: r.note}
		for _, u := range p.unitsOf(r.name) {
			t.rows, t.lines = append(t.rows, r), append(t.lines, u)
		}
		p.table(t)
	}
}

// unitsOf are the units of a row that are about the broker.
func (p *page) unitsOf(row string) (units []unit) {
	seen := map[string]bool{load.LoadPerMessage: true, load.CPUPerSecond: true, load.LatencyGreatest: true, load.Late: true, load.Overdue: true}
	for _, b := range p.header.Brokers {
		c := p.of(row, b.Name)
		if c == nil || len(c.rounds) == 0 {
			continue
		}
		for _, m := range c.rounds[0].Metrics {
			if !seen[m.Unit] {
				seen[m.Unit] = true
				units = append(units, unitOf(m.Unit))
			}
		}
	}
	if len(units) == 0 {
		units = []unit{{name: "–"}} // all have failed, and a note says why
	}
	return units
}

func (p *page) growths() {
	p.print("\n## Growth\n\nFletch alone, with more and more of something.\n")
	for _, s := range allSeries() {
		rows := s.measured(p.results)
		if len(rows) == 0 {
			continue
		}
		p.print("\n### %s\n\n| %s |", strings.ToUpper(s.name[:1])+s.name[1:], s.x)
		rule := "|---:|"
		for _, u := range s.units {
			p.print(" %s |", unitOf(u).name)
			rule += "---:|"
		}
		p.print("\n%s\n", rule)
		for _, r := range rows {
			p.print("| %s |", whole(int64(r.x)))
			for _, u := range s.units {
				p.print(" %s |", p.cell(r.name, fletchName, []unit{unitOf(u)}))
			}
			p.print("\n")
		}
		if s.note != "" {
			p.print("\n%s\n", s.note)
		}
		for _, u := range s.units {
			p.image("growth: " + s.name + " " + u)
		}
	}
}

func (p *page) image(what string) {
	if file := p.plots[what]; file != "" {
		p.print("\n![%s](plots/%s)\n", what, file)
	}
}

func (p *page) commands() {
	p.print("\n## To repeat it\n\n    make bench-peers\n\nmeasures all of it and writes this file. The loads are those of `fletch bench`:\n\n| | |\n|---|---|\n")
	for _, r := range rows() {
		if p.rows[r.name] != nil {
			p.print("| %s | `fletch bench %s` |\n", r.name, r.args)
		}
	}
	p.print("\n")
}

// in are the measured rows of a section.
func (p *page) in(s section) (some []row) {
	for _, r := range rows() {
		if r.section == s && p.rows[r.name] != nil {
			some = append(some, r)
		}
	}
	return some
}
