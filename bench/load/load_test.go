package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/packets"
)

// TestMain looks for goroutines that are left.
func TestMain(m *testing.M) {
	newSleep = func() (func(time.Duration), func()) { return time.Sleep, func() {} } // which fake time knows
	goleak.VerifyTestMain(m)
}

// far is a connection on which a read takes a while, so that fake time passes.
type far struct{ net.Conn }

func (f far) Read(b []byte) (int, error) {
	time.Sleep(5 * time.Millisecond)
	return f.Conn.Read(b)
}

// ours calls f in fake time with a broker of this project.
func ours(t *testing.T, f func(t *testing.T, dial func(context.Context) (net.Conn, error))) {
	synctest.Test(t, func(t *testing.T) {
		b, err := broker.New(broker.Config{SysInterval: -1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := b.Shutdown(context.Background()); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		}()
		f(t, func(ctx context.Context) (net.Conn, error) {
			c, err := b.Dial(ctx)
			return far{c}, err
		})
		synctest.Wait()
		if s := b.Stats(); s.Connections != 0 || s.Retained != 0 {
			t.Errorf("%d connections and %d retained messages are left", s.Connections, s.Retained)
		}
	})
}

// Every scenario measures what it is about, at each QoS and in each version.
func TestScenarios(t *testing.T) {
	moving := Config{Size: 32, Publishers: 3, Subscribers: 3, Warmup: 20 * time.Millisecond, Duration: 80 * time.Millisecond}
	for _, test := range []struct {
		name   string
		config func(*Config)
		units  string
	}{
		{"pairs", nil, "msg/s"},
		{"fan-in", nil, "msg/s"},
		{"fan-out", nil, "msg/s"},
		{"pairs", func(c *Config) { c.Batch, c.Credit = 1, 1 }, "msg/s"},
		{"fan-in", func(c *Config) { c.Rate = 1000 }, "msg/s overdue-msg p50-µs p99-µs p99.9-µs max-µs late-µs"},
		{"wild", func(c *Config) { c.Count = 500 }, "msg/s publish/s delivery/publish"},
		{"slow", func(c *Config) { c.Rate = 1000 }, "msg/s overdue-msg p50-µs p99-µs p99.9-µs max-µs late-µs slow-lost-msg slow-connected"},
		{"idle", func(c *Config) { *c = Config{Subscribers: 20} }, "connection/s"},
		{"churn", func(c *Config) { c.Size, c.Publishers = 0, 0 }, "cycle/s"},
		{"retained", func(c *Config) { *c = Config{Count: 100} }, "store/s delivery/s"},
	} {
		for _, v := range []packets.Version{packets.V311, packets.V5} {
			for qos := range packets.QoS(3) {
				t.Run(fmt.Sprintf("%s/%v/%d", test.name, v, qos), func(t *testing.T) {
					ours(t, func(t *testing.T, dial func(context.Context) (net.Conn, error)) {
						c := moving
						if test.config != nil {
							test.config(&c)
						}
						c.Scenario, c.Version, c.QoS, c.Dial = test.name, v, qos, dial
						res, err := Run(t.Context(), c)
						if err != nil || res.Void() {
							t.Fatalf("%+v, %v", res, err)
						}
						var units []string
						for _, m := range res.Metrics {
							units = append(units, m.Unit)
							if strings.HasSuffix(m.Unit, "/s") && m.Value <= 0 {
								t.Errorf("%g %s", m.Value, m.Unit)
							}
						}
						if got := strings.Join(units, " "); got != test.units {
							t.Errorf("got %s, want %s", got, test.units)
						}
					})
				})
			}
		}
	}
}

// What is measured is neither the warm-up nor the drain: at a rate of 1000 a second it
// is 1000 in a second, to each of three receivers.
func TestMeasuredTime(t *testing.T) {
	ours(t, func(t *testing.T, dial func(context.Context) (net.Conn, error)) {
		res, err := Run(t.Context(), Config{
			Scenario: "fan-in", Dial: dial, Publishers: 7, Subscribers: 3, Rate: 1000,
			Warmup: 500 * time.Millisecond, Duration: time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := res.Value(PerSecond); got < 2950 || got > 3050 { // some more or less at each end
			t.Errorf("%g messages a second, want 3000", got)
		}
		if last := res.Latency[len(res.Latency)-1]; last.Part != 1 {
			t.Errorf("the curve ends at %+v", last)
		}
	})
}

// A result goes to programs that others have written.
func TestJSON(t *testing.T) {
	c, err := Config{Scenario: "pairs", QoS: 1, Rate: 100}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	res := Result{Config: c, Metrics: []Metric{{PerSecond, 99.5}}, Tally: Tally{Lost: 1}, Latency: []Quantile{{0.5, 80}, {1, 120}}}
	got, err := json.Marshal(res)
	want := `{"Config":{"Scenario":"pairs","Version":4,"QoS":1,"Size":256,"Publishers":100,"Subscribers":100,"Rate":100,` +
		`"Warmup":700000000,"Duration":2500000000},"Metrics":[{"Unit":"msg/s","Value":99.5}],` +
		`"Tally":{"Lost":1,"Duplicated":0,"Reordered":0,"Foreign":0},` +
		`"Latency":[{"Part":0.5,"Microseconds":80},{"Part":1,"Microseconds":120}]}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

func TestConfig(t *testing.T) {
	for _, test := range []struct {
		config Config
		want   string // the error, or nothing
		field  string
	}{
		{Config{}, "one of churn, fan-in", "Scenario"},
		{Config{Scenario: "pairs", Publishers: 5}, "", ""},
		{Config{Scenario: "pairs", Publishers: 5, Subscribers: 4}, "5, as Publishers", "Subscribers"},
		{Config{Scenario: "fan-in", Publishers: -1}, "1 to 1048576", "Publishers"},
		{Config{Scenario: "pairs", Publishers: -1}, "1 to 1048576", "Publishers"},
		{Config{Scenario: "pairs", Size: 15}, "16 to", "Size"},
		{Config{Scenario: "pairs", Credit: 1}, "", ""},
		{Config{Scenario: "pairs", Batch: 100}, "", ""},
		{Config{Scenario: "pairs", Batch: 2, Credit: 1}, "1 at most, as Credit", "Batch"},
		{Config{Scenario: "pairs", Batch: 65, QoS: 1}, "64 at most with QoS 1", "Batch"},
		{Config{Scenario: "pairs", Batch: 64, QoS: 2}, "", ""},
		{Config{Scenario: "pairs", QoS: 3}, "0 to 2", "QoS"},
		{Config{Scenario: "pairs", Rate: 100, Batch: 1}, "none in scenario pairs with a Rate", "Batch"},
		{Config{Scenario: "pairs", Rate: -1}, "0.001 to", "Rate"},
		{Config{Scenario: "idle", Rate: 1}, "none in scenario idle", "Rate"},
		{Config{Scenario: "churn", Size: 20}, "none in scenario churn", "Size"},
		{Config{Scenario: "slow", Subscribers: 1}, "2 to", "Subscribers"},
		{Config{Scenario: "pairs", Duration: time.Nanosecond}, "1ms to 24h", "Duration"},
		{Config{Scenario: "pairs", PID: 1 << 30}, "a process that runs", "PID"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Run(ctx, test.config)
		var wrong *ConfigError
		switch {
		case test.want == "" && !errors.Is(err, context.Canceled):
			t.Errorf("%+v: %v", test.config, err)
		case test.want != "" && (!errors.As(err, &wrong) || wrong.Field != test.field || !strings.Contains(wrong.Expected, test.want)):
			t.Errorf("%+v: got %v, want %s: %s", test.config, err, test.field, test.want)
		}
	}
}

func TestEveryScenarioHasDefaults(t *testing.T) {
	names, help := Scenarios()
	for i, name := range names {
		c, err := Config{Scenario: name}.Complete()
		if err != nil || c.Subscribers+c.Count == 0 || help[i] == "" {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if again, err := c.Complete(); err != nil || fmt.Sprint(again.Batch, again.Rate, again.Subscribers) != fmt.Sprint(c.Batch, c.Rate, c.Subscribers) {
			t.Errorf("%s, completed twice: %+v, %v", name, again, err)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("%v", names)
	}
}
