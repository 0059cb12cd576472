//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/bench/load"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{
		{[]float64{7}, 7},
		{[]float64{9, 1, 4}, 4},
		{[]float64{8, 1, 2, 4}, 3},
	} {
		given := append([]float64(nil), c.of...)
		if got := median(c.of); got != c.want {
			t.Errorf("median of %v is %v, want %v", given, got, c.want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("there is a median of nothing")
	}
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.0123: "0.012", 0.123: "0.12", 1.236: "1.24", 12.34: "12.3", 123.6: "124", 999.6: "1 000", 1234567: "1 234 567",
	} {
		if got := figure(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

// TestRows: a name is how results find their row, and plots their file.
func TestRows(t *testing.T) {
	names, slugs := map[string]bool{}, map[string]bool{}
	for _, r := range rows() {
		if names[r.name] || slugs[slug(r.name)] {
			t.Errorf("two rows have the name %s, or the same for a file", r.name)
		}
		names[r.name], slugs[slug(r.name)] = true, true
	}
}

// made are lines of two runs, of which the second replaces a row of the first.
func made() []line {
	cpu := func(v float64) *load.Result {
		return &load.Result{Metrics: []load.Metric{{Unit: load.PerSecond, Value: 1e6 / v}, {Unit: load.CPUPerMessage, Value: v}, {Unit: load.ResidentMemory, Value: 1e8}}}
	}
	latency := func(p50, p99 float64) *load.Result {
		r := cpu(30)
		r.Metrics = append(r.Metrics, load.Metric{Unit: load.LatencyMedian, Value: p50}, load.Metric{Unit: load.Latency99, Value: p99}, load.Metric{Unit: load.Latency999, Value: 2 * p99})
		r.Latency = []load.Quantile{{Part: 0, Microseconds: 1}, {Part: 0.5, Microseconds: p50}, {Part: 0.99, Microseconds: p99}, {Part: 1, Microseconds: 3 * p99}}
		return r
	}
	void := cpu(0.1)
	void.Tally = load.Tally{Lost: 3, Reordered: 1}
	churn := &load.Result{Metrics: []load.Metric{{Unit: "cycle/s", Value: 12_345}, {Unit: "cpu-µs/cycle", Value: 54.3}, {Unit: load.LoadPerMessage, Value: 1}}}
	const pairs, rate = "pairs, QoS 0", "100 pairs at 10 000/s, QoS 0"
	first := &header{Machine: "a machine", GoSystem: "go0", Rounds: 3, Brokers: []version{{relayName, ""}, {fletchName, "abc"}, {"fine", "1.0"}, {"lossy", "2"}, {"gone", ""}}}
	return []line{
		{Run: "1", Header: first},
		{Run: "1", Row: pairs, Broker: fletchName, Round: 1, Result: cpu(99)},
		{Run: "1", Row: "pairs, QoS 1", Broker: "gone", Round: 1, Result: cpu(5)},
		{Run: "1", Row: "pairs, QoS 1", Broker: "gone", Round: 2, Failed: "the broker has ended: exit status 1"},
		{Run: "1", Row: rate, Broker: fletchName, Round: 1, Result: latency(80, 300)},
		{Run: "1", Row: rate, Broker: "fine", Round: 1, Result: latency(70, 400)},
		{Run: "1", Row: "churn", Broker: fletchName, Round: 1, Result: churn},
		{Run: "1", Row: "growth: payload=16", Broker: fletchName, Round: 1, Result: cpu(0.3)},
		{Run: "1", Row: "growth: payload=256", Broker: fletchName, Round: 1, Result: cpu(0.4)},
		{Run: "1", Row: "growth: payload=4096", Broker: fletchName, Round: 1, Result: cpu(2)},
		{Run: "2", Header: &header{Machine: "a machine", GoSystem: "go1", Rounds: 2, Brokers: first.Brokers[:4]}},
		{Run: "2", Row: pairs, Broker: relayName, Round: 1, Result: cpu(0.2)},
		{Run: "2", Row: pairs, Broker: fletchName, Round: 1, Result: cpu(0.3)},
		{Run: "2", Row: pairs, Broker: fletchName, Round: 2, Result: cpu(0.5)},
		{Run: "2", Row: pairs, Broker: "fine", Round: 1, Result: cpu(1.6)},
		{Run: "2", Row: pairs, Broker: "lossy", Round: 1, Result: cpu(0.1)},
		{Run: "2", Row: pairs, Broker: "lossy", Round: 2, Result: void},
	}
}

var rewrite = flag.Bool("rewrite", false, "write testdata/report.md anew")

func TestReport(t *testing.T) {
	var lines bytes.Buffer
	for _, l := range made() {
		if err := json.NewEncoder(&lines).Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	all, err := read(&lines)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	plots, err := all.plot(dir)
	if err != nil {
		t.Fatal(err)
	}
	for what, file := range plots {
		if b, err := os.ReadFile(dir + "/" + file); err != nil || !bytes.Contains(b, []byte("<svg")) {
			t.Errorf("the plot of %s is no SVG: %v", what, err)
		}
	}
	var got bytes.Buffer
	all.report(&got, plots)
	const golden = "testdata/report.md"
	if *rewrite {
		if err := os.WriteFile(golden, got.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the report is not as %s; with -rewrite it becomes\n%s", golden, &got)
	}
}

// A broker that ends, or never answers, is a reason and not the end of the run.
func TestStartFails(t *testing.T) {
	_, err := start(t.Context(), other("ends", []string{"sh", "-c", "echo no memory; exit 3 PORT"}), nil)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no memory") {
		t.Errorf("%v, expected its exit status and what it said", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := start(ctx, other("hangs", []string{"sleep", "60"}), nil); err == nil {
		t.Error("a broker that does not answer counts as started")
	}
}
