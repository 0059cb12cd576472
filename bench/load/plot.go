package load

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"text/template"
)

//go:embed plot.svg
var plotText string

var plotTemplate = template.Must(template.New("plot").Parse(plotText))

// Size of a plot in pixels, and where its axes are.
const (
	plotLeft, plotRight, plotTop, plotBottom = 80, 760, 40, 380
)

// tick is a mark at an axis.
type tick struct {
	At   float64
	Text string
}

// Plot writes the latencies as an SVG image. The axis of the messages is as that of
// HdrHistogram: each step to the right is a tenth of the messages that are left. It
// fails if the loop was closed.
func (r *Result) Plot(w io.Writer) error {
	if len(r.Latency) == 0 {
		return errors.New("no latency was measured: expected a Rate, and messages that arrive")
	}
	last := r.Latency[len(r.Latency)-1]
	nines := 1.0 // to the right end of the axis
	for _, q := range r.Latency {
		if q.Part < 1 {
			nines = max(nines, math.Ceil(tenths(q.Part)))
		}
	}
	step := round(last.Microseconds / 5)
	top := step * math.Ceil(last.Microseconds/step)
	x := func(part float64) float64 {
		return plotLeft + (plotRight-plotLeft)*min(1, tenths(part)/nines)
	}
	y := func(us float64) float64 { return plotBottom - (plotBottom-plotTop)*us/top }
	p := struct {
		Title                    string
		Left, Right, Top, Bottom int
		X, Y                     []tick
		Line                     string
	}{Title: r.title(), Left: plotLeft, Right: plotRight, Top: plotTop, Bottom: plotBottom}
	for n := 0.0; n <= nines; n++ {
		part := 1 - math.Pow(10, -n)
		p.X = append(p.X, tick{x(part), fmt.Sprintf("%.*f%%", int(max(0, n-2)), 100*part)})
	}
	for us := 0.0; us <= top; us += step {
		p.Y = append(p.Y, tick{y(us), fmt.Sprintf("%g", us/1000)})
	}
	var line strings.Builder
	for _, q := range r.Latency {
		fmt.Fprintf(&line, "%.1f,%.1f ", x(q.Part), y(q.Microseconds))
	}
	p.Line = strings.TrimSpace(line.String())
	return plotTemplate.Execute(w, p)
}

// tenths is how often the rest of the messages is divided by ten before part.
func tenths(part float64) float64 { return -math.Log10(1 - part) }

// round is 1, 2 or 5 times a power of ten, at least v.
func round(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 5} {
		if n*power >= v {
			return n * power
		}
	}
	return 10 * power
}

func (r *Result) title() string {
	c := r.Config
	return fmt.Sprintf("%s, QoS %d, %d bytes, %d publishers, %d subscribers, %g messages/s",
		c.Scenario, c.QoS, c.Size, c.Publishers, c.Subscribers, c.Rate)
}
