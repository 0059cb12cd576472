package load

import "time"

// Result is what a run has shown.
type Result struct {
	Config  Config
	Metrics []Metric
	Tally   Tally

	// Latency is a curve for an open loop: how long the quickest part of the messages
	// took, for growing parts.
	Latency []Quantile `json:",omitempty"`
}

// Metric is a figure, named by its unit as in the Go benchmark format: msg/s.
type Metric struct {
	Unit  string
	Value float64
}

// Quantile says that a part of the messages, from 0 to 1, took at most so long.
type Quantile struct {
	Part         float64
	Microseconds float64
}

// Units of metrics.
const (
	PerSecond       = "msg/s"
	CPUPerMessage   = "cpu-µs/msg"  // of the broker
	LoadPerMessage  = "load-µs/msg" // processor time of the load itself
	ResidentMemory  = "rss-B"       // of the broker, at the end
	CPUPerSecond    = "cpu-%"       // of one processor
	LatencyMedian   = "p50-µs"
	Latency99       = "p99-µs"
	Latency999      = "p99.9-µs"
	LatencyGreatest = "max-µs"
)

func newResult(c *Config) *Result { return &Result{Config: *c} }

// Void is whether the broker has lost, doubled or reordered something, so that its
// figures count for nothing.
func (r *Result) Void() bool { return r.Tally != Tally{} }

// Value is the metric of that unit.
func (r *Result) Value(unit string) (value float64, ok bool) {
	for _, m := range r.Metrics {
		if m.Unit == unit {
			return m.Value, true
		}
	}
	return 0, false
}

func (r *Result) add(unit string, value float64) {
	r.Metrics = append(r.Metrics, Metric{unit, value})
}

// messages adds what messages cost between two samples.
func (r *Result) messages(before, after sample) {
	n := float64(after.delivered - before.delivered)
	seconds := (after.at - before.at).Seconds()
	r.add(PerSecond, n/seconds)
	if r.Config.PID != 0 && n > 0 {
		r.add(CPUPerMessage, micro(after.cpu-before.cpu)/n)
		r.add(LoadPerMessage, micro(after.own-before.own)/n)
		r.add(CPUPerSecond, 100*(after.cpu-before.cpu).Seconds()/seconds)
		r.add(ResidentMemory, float64(after.resident))
	}
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// curve adds what latency has shown.
func (r *Result) curve(l *latency) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range []struct {
		unit    string
		percent float64
	}{{LatencyMedian, 50}, {Latency99, 99}, {Latency999, 99.9}, {LatencyGreatest, 100}} {
		r.add(q.unit, float64(l.h.ValueAtPercentile(q.percent)))
	}
	for _, b := range l.h.CumulativeDistribution() {
		r.Latency = append(r.Latency, Quantile{b.Quantile / 100, float64(b.ValueAt)})
	}
}
