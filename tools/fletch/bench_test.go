package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/fletchmq/fletch/bench/load"
)

// A run says what it costs, in a table, in JSON and in a picture.
func TestBench(t *testing.T) {
	broker, where, _ := serving(t, "127.0.0.1:0")
	file, plot := filepath.Join(t.TempDir(), "results"), filepath.Join(t.TempDir(), "x.svg")
	r := run(t, "bench", "fan-in", "-b", "mqtt://"+where, "--pid", strconv.Itoa(broker.Process.Pid), "--json", file, "--plot", plot,
		"-q", "1", "-V", "5", "--publishers", "2", "--subscribers", "2", "--rate", "500", "--warmup", "10ms", "--duration", "200ms")
	if r.status != 0 || r.err != "" {
		t.Fatalf("%+v", r)
	}
	for _, unit := range []string{load.PerSecond, load.CPUPerMessage, load.ResidentMemory, load.Latency99} {
		if !strings.Contains(r.out, " "+unit+"\n") {
			t.Errorf("the table has no %s:\n%s", unit, r.out)
		}
	}
	text, err := os.ReadFile(file)
	var res load.Result
	if err != nil || json.Unmarshal(text, &res) != nil || res.Config.Publishers != 2 || res.Void() {
		t.Errorf("%s, %v", text, err)
	}
	if got, err := os.ReadFile(plot); err != nil || !strings.HasPrefix(string(got), "<svg") {
		t.Errorf("%.40s, %v", got, err)
	}
}

// The load takes TLS as the other clients do.
func TestBenchByTLS(t *testing.T) {
	cert, key, _ := certificate(t)
	_, where, _ := serving(t, "tls://127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	_, port, _ := strings.Cut(strings.TrimPrefix(where, "tls://"), ":")
	short := " --publishers 2 --credit 2 --warmup 1ms --duration 20ms"
	for _, test := range []struct{ args, want string }{
		{"-b localhost:" + port + " --cafile " + cert, ""},
		{"-b mqtts://127.0.0.1:" + port + " --insecure --cafile " + cert, ""},
		{"-b mqtts://localhost:" + port, "unknown authority"},
		{"-b localhost:" + port, "waits for CONNACK: the broker ends the connection"},
		{"-b localhost:" + port + " --cafile none", "--cafile: open none"},
	} {
		r := run(t, strings.Fields("bench pairs "+test.args+short)...)
		if (test.want == "") != (r.status == 0) || !strings.Contains(r.err, test.want) {
			t.Errorf("bench %s: %+v, want %s", test.args, r, test.want)
		}
	}
}

// A signal ends a run, and nobody takes it for one that has figures.
func TestBenchInterrupted(t *testing.T) {
	_, where, _ := serving(t, "127.0.0.1:0")
	cmd := fletch(t, "bench", "pairs", "-b", where, "--duration", "1h", "--json", "-")
	var out, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	subscribed(t, where)
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if cmd.ProcessState.ExitCode() != 130 || out.String() != "" || stderr.String() != "fletch: interrupted: there are no figures\n" {
		t.Errorf("status %d, %q, %q", cmd.ProcessState.ExitCode(), out.String(), stderr.String())
	}
}

// subscribed returns when a message of the load has come.
func subscribed(t *testing.T, where string) {
	t.Helper()
	_, port, _ := strings.Cut(where, ":")
	if r := run(t, "sub", "-p", port, "-C", "1", "-t", "bench/#"); r.status != 0 {
		t.Fatalf("%+v", r)
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	table(&b, &load.Result{Metrics: []load.Metric{
		{Unit: "msg/s", Value: 1234567.8},
		{Unit: "cpu-µs/msg", Value: 0.36149},
		{Unit: "load-µs/msg", Value: 12.3456},
		{Unit: "p99-µs", Value: 345},
		{Unit: "delivery/publish", Value: 0},
		{Unit: "rss-B/filter", Value: 470.25},
	}})
	want := `
  1234568             msg/s
    0.361        cpu-µs/msg
    12.35       load-µs/msg
      345            p99-µs
        0  delivery/publish
    470.2      rss-B/filter
`
	if got := b.String(); got != want[1:] {
		t.Errorf("got\n%s", got)
	}
}

func TestTally(t *testing.T) {
	got := tally(load.Tally{Lost: 3, Foreign: 1})
	if want := "3 messages lost, 1 messages not published by this run"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
