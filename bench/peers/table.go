//go:build linux

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fletchmq/fletch/bench/load"
)

// unit is what a figure is in.
type unit struct {
	unit string  // of the metric
	name string  // in the report
	by   float64 // what it is divided by there
}

// unitOf has bytes of whole processes in MiB.
func unitOf(name string) unit {
	switch name {
	case load.ResidentMemory:
		return unit{name, "MiB resident", 1 << 20}
	case "rss-peak-B":
		return unit{name, "MiB resident at most", 1 << 20}
	}
	return unit{name, name, 1}
}

// table has a line for each row, and a column for each broker.
type table struct {
	title, note string
	rows        []row
	units       []unit // of a cell
	by          string // the unit that says which is best
	ratios      bool

	// lines, if there are any, are the units of the rows, which are all the same one.
	lines []unit
}

func (p *page) table(t table) {
	if len(t.rows) == 0 {
		return
	}
	brokers := p.brokersOf(t.rows)
	p.print("\n## %s\n\n", t.title)
	if t.note != "" {
		p.print("%s\n\n", t.note)
	}
	p.print("| |")
	rule := "|---|"
	for _, b := range brokers {
		p.print(" %s |", b)
		rule += "---:|"
	}
	if t.ratios {
		p.print(" fletch : relay | fletch : best |")
		rule += "---:|---:|"
	}
	p.print("\n%s\n", rule)
	for i, r := range t.rows {
		name, units, by := r.name, t.units, t.by
		if len(t.lines) > 0 {
			name, units, by = t.lines[i].name, t.lines[i:i+1], t.lines[i].unit
		}
		best := p.best(r.name, by, brokers)
		p.print("| %s |", name)
		for _, b := range brokers {
			text := p.cell(r.name, b, units)
			if b == best {
				text = "**" + text + "**"
			}
			p.print(" %s |", text)
		}
		if t.ratios {
			p.print(" %s | %s |", p.ratio(r.name, relayName, by), p.ratio(r.name, best, by))
		}
		p.print("\n")
	}
}

// brokersOf are those that are measured in one of the rows.
func (p *page) brokersOf(rows []row) (names []string) {
	for _, b := range p.header.Brokers {
		if slices.ContainsFunc(rows, func(r row) bool { return p.of(r.name, b.Name) != nil }) {
			names = append(names, b.Name)
		}
	}
	return names
}

// best is the best of the other brokers, "" if there is none.
func (p *page) best(row, unit string, brokers []string) (best string) {
	if unit == "delivery/publish" || unit == "slow-connected" {
		return "" // neither more nor less is better
	}
	more := strings.HasSuffix(unit, "/s") // is better
	least := 0.0
	for _, b := range brokers {
		c := p.of(row, b)
		v, ok := c.value(unit)
		if b == relayName || b == fletchName || !ok || !c.counts() {
			continue
		}
		if best == "" || (v < least) != more {
			best, least = b, v
		}
	}
	return best
}

// cell is the figures of a broker in a row, or why there are none.
func (p *page) cell(row, broker string, units []unit) string {
	c := p.of(row, broker)
	if c == nil {
		return ""
	}
	if c.failed != "" {
		return "–" + p.footnote(fmt.Sprintf("%s, %s: %s", broker, row, c.failed))
	}
	var figures []string
	for _, u := range units {
		if v, ok := c.value(u.unit); ok {
			figures = append(figures, figure(v/u.by))
		}
	}
	text := cmp.Or(strings.Join(figures, " / "), "–")
	if t := c.tally(); t != (load.Tally{}) {
		text = "~~" + text + "~~" + p.footnote(fmt.Sprintf("%s, %s: in all rounds %d lost, %d duplicated, %d reordered, %d foreign",
			broker, row, t.Lost, t.Duplicated, t.Reordered, t.Foreign))
	}
	return text
}

// ratio is that of Fletch to another.
func (p *page) ratio(row, to, unit string) string {
	mine, theirs := p.of(row, fletchName), p.of(row, to)
	a, _ := mine.value(unit)
	b, _ := theirs.value(unit)
	if !mine.counts() || !theirs.counts() || b == 0 {
		return "–"
	}
	return figure(a / b)
}

// footnote gives the mark of a note, which may be there already.
func (p *page) footnote(text string) string {
	i := slices.Index(p.notes, text)
	if i < 0 {
		i, p.notes = len(p.notes), append(p.notes, text)
	}
	return fmt.Sprintf("[^%d]", i+1)
}

// figure has three digits that count, or all before the point.
func figure(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.1:
		return fmt.Sprintf("%.3f", v)
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return whole(int64(v + 0.5))
}

// whole groups digits by three.
func whole(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	return digits
}
