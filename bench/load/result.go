package load

import "time"

// Result is what a run has shown.
type Result struct {
	Config  Config
	Metrics []Metric

	// Tally is of all receivers, but for a slow one.
	Tally Tally

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

// Units of metrics. Those of a run depend on its scenario; those of processor time and
// of memory need a PID.
const (
	PerSecond      = "msg/s"       // delivered
	CPUPerMessage  = "cpu-µs/msg"  // of the broker, for each delivered
	LoadPerMessage = "load-µs/msg" // processor time of the load itself
	CPUPerSecond   = "cpu-%"       // of one processor
	ResidentMemory = "rss-B"       // of the broker, at the end

	LatencyMedian   = "p50-µs"
	Latency99       = "p99-µs"
	Latency999      = "p99.9-µs"
	LatencyGreatest = "max-µs"
	Late            = "late-µs"     // the greatest time from due to sent
	Overdue         = "overdue-msg" // due and not sent at the end

	PublishesPerSecond = "publish/s"
	CPUPerPublish      = "cpu-µs/publish"
	PerPublish         = "delivery/publish"
	CPUPerSubscribe    = "cpu-µs/subscribe" // for each filter
	ResidentPerFilter  = "rss-B/filter"

	ConnectsPerSecond     = "connection/s"
	CPUPerConnect         = "cpu-µs/connection"
	ResidentPerConnection = "rss-B/connection"
	CyclesPerSecond       = "cycle/s"
	CPUPerCycle           = "cpu-µs/cycle"

	StoresPerSecond     = "store/s"
	CPUPerStore         = "cpu-µs/store"
	ResidentPerTopic    = "rss-B/topic"
	DeliveriesPerSecond = "delivery/s"
	CPUPerDelivery      = "cpu-µs/delivery"

	ResidentPeak  = "rss-peak-B"
	SlowLost      = "slow-lost-msg" // that the slow subscriber has not got
	SlowConnected = "slow-connected"
)

func newResult(c *Config) *Result { return &Result{Config: *c} }

// Void is whether the broker has lost, doubled or reordered something, or delivered what
// is not of this run, so that the figures count for nothing.
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
	n, took := after.delivered-before.delivered, after.at-before.at
	r.rate(PerSecond, n, took)
	r.cost(CPUPerMessage, after.cpu-before.cpu, n)
	r.cost(LoadPerMessage, after.own-before.own, n)
	if r.Config.PID != 0 {
		r.add(CPUPerSecond, 100*(after.cpu-before.cpu).Seconds()/took.Seconds())
	}
	r.memory(ResidentMemory, after.resident)
}

// publishes adds what it costs where not every message is delivered.
func (r *Result) publishes(before, after sample) {
	n := after.published - before.published
	r.rate(PublishesPerSecond, n, after.at-before.at)
	r.cost(CPUPerPublish, after.cpu-before.cpu, n)
	r.add(PerPublish, float64(after.delivered-before.delivered)/float64(max(1, n)))
}

func (r *Result) memory(unit string, bytes int) {
	if r.Config.PID != 0 {
		r.add(unit, float64(bytes))
	}
}

func (r *Result) rate(unit string, n uint64, took time.Duration) {
	r.add(unit, float64(n)/took.Seconds())
}

// cost adds processor time for each of n.
func (r *Result) cost(unit string, used time.Duration, n uint64) {
	if r.Config.PID != 0 && n > 0 {
		r.add(unit, micro(used)/float64(n))
	}
}

// grown adds resident memory for each of n.
func (r *Result) grown(unit string, before, after usage, n int) {
	if r.Config.PID != 0 {
		r.add(unit, float64(after.resident-before.resident)/float64(n))
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
	r.add(Late, micro(time.Duration(l.late.Load())))
	for _, b := range l.h.CumulativeDistribution() {
		r.Latency = append(r.Latency, Quantile{b.Quantile / 100, float64(b.ValueAt)})
	}
}
