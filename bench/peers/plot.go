//go:build linux

package main

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"

	"github.com/fletchmq/fletch/bench/load"
)

// plot draws into a folder, and gives the names of the files by what they show.
func (all *results) plot(dir string) (files map[string]string, err error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	files = map[string]string{}
	save := func(p *plot.Plot, what string) error {
		if p == nil {
			return nil
		}
		files[what] = slug(what) + ".svg"
		return p.Save(16*vg.Centimeter, 9*vg.Centimeter, filepath.Join(dir, files[what]))
	}
	for _, r := range rows() {
		if r.section == paced {
			if err := save(all.latencyPlot(r), "latency: "+r.name); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range allSeries() {
		for _, u := range s.units {
			if err := save(s.plot(all, unitOf(u)), "growth: "+s.name+" "+u); err != nil {
				return nil, err
			}
		}
	}
	return files, nil
}

// latencyPlot is how long the messages of a row took, quickest first, drawn so that
// the slowest tenth, hundredth, and so on are as wide as each other.
func (all *results) latencyPlot(r row) *plot.Plot {
	p := plot.New()
	p.Title.Text = r.name
	p.X.Label.Text = "one message in"
	p.Y.Label.Text = "takes longer, µs"
	logarithmic(&p.X)
	logarithmic(&p.Y)
	p.Legend.Top, p.Legend.Left = true, true
	n := 0
	for i, b := range all.header.Brokers {
		c := all.of(r.name, b.Name)
		typical := c.typical(load.Latency99)
		if typical == nil {
			continue
		}
		var curve plotter.XYs
		for _, q := range typical.Latency {
			if q.Part < 1 && q.Microseconds > 0 {
				curve = append(curve, plotter.XY{X: 1 / (1 - q.Part), Y: q.Microseconds})
			}
		}
		if draw(p, b.Name, curve, i, false) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return p
}

// measured are the rows of s that there are results of.
func (s *series) measured(all *results) (some []row) {
	for _, r := range curves() {
		if r.series == s.name && all.of(r.name, fletchName) != nil {
			some = append(some, r)
		}
	}
	return some
}

// plot is nil if there are too few points for a curve.
func (s *series) plot(all *results, u unit) *plot.Plot {
	const fewest = 3
	var curve plotter.XYs
	for _, r := range s.measured(all) {
		if v, ok := all.of(r.name, fletchName).value(u.unit); ok {
			curve = append(curve, plotter.XY{X: r.x, Y: v / u.by})
		}
	}
	if len(curve) < fewest {
		return nil
	}
	p := plot.New()
	p.X.Label.Text = s.x
	p.Y.Label.Text = u.name
	logarithmic(&p.X)
	if !draw(p, "", curve, 0, true) {
		return nil
	}
	p.X.Max = math.Pow10(int(math.Ceil(math.Log10(p.X.Max))))
	p.Y.Min, p.Y.Max = 0, 1.1*p.Y.Max
	return p
}

func logarithmic(a *plot.Axis) {
	a.Scale = plot.LogScale{}
	a.Tick.Marker = plot.LogTicks{Prec: -1}
}

// draw is false if there is nothing to be drawn.
func draw(p *plot.Plot, name string, curve plotter.XYs, color int, points bool) bool {
	line, dots, err := plotter.NewLinePoints(curve)
	if err != nil {
		return false
	}
	line.Color, dots.Color = plotutil.Color(color), plotutil.Color(color)
	p.Add(line)
	if points {
		p.Add(dots)
	}
	if name != "" {
		p.Legend.Add(name, line)
	}
	return true
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// slug is a name for a file.
func slug(name string) string {
	return strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name), "-"), "-")
}
