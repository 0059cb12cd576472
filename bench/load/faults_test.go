package load

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/packets"
)

func clone(m *packets.Publish) *packets.Publish {
	c := *m
	c.Payload = append([]byte(nil), m.Payload...)
	return &c
}

// A result says what a broker does wrong, message by message.
func TestTally(t *testing.T) {
	type list = []*packets.Publish
	var held *packets.Publish
	for _, test := range []struct {
		name string
		do   func(n int, m *packets.Publish) list
		want Tally
	}{
		{"nothing", func(_ int, m *packets.Publish) list { return list{m} }, Tally{}},
		{"one lost", func(n int, m *packets.Publish) list {
			if n == 500 {
				return nil
			}
			return list{m}
		}, Tally{Lost: 1}},
		{"the first ones lost", func(n int, m *packets.Publish) list {
			if n < 3 {
				return nil
			}
			return list{m}
		}, Tally{Lost: 3}},
		{"all after one lost", func(n int, m *packets.Publish) list {
			if n >= 1000 {
				return nil
			}
			return list{m}
		}, Tally{Lost: 11}},
		{"twice", func(n int, m *packets.Publish) list {
			if n == 500 {
				return list{m, m, m}
			}
			return list{m}
		}, Tally{Duplicated: 2}},
		{"swapped", func(n int, m *packets.Publish) list {
			switch n {
			case 500:
				held = clone(m)
				return nil
			case 501:
				return list{m, held}
			}
			return list{m}
		}, Tally{Reordered: 1}},
		{"late, and twice", func(n int, m *packets.Publish) list {
			switch n {
			case 500:
				held = clone(m)
				return nil
			case 505:
				return list{m, held, held}
			}
			return list{m}
		}, Tally{Reordered: 1, Duplicated: 1}},
		{"of nobody", func(n int, m *packets.Publish) list {
			if n == 500 {
				other := clone(m)
				other.Payload[0]++ // another publisher
				return list{m, other, {Topic: m.Topic}}
			}
			return list{m}
		}, Tally{Foreign: 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &peer{publish: test.do}
				res, err := p.against(t, Config{})
				if err != nil || p.messages != 1011 || res.Tally != test.want || res.Void() != (test.want != Tally{}) {
					t.Errorf("got %+v of %d messages, %v; want %+v of 1011", res, p.messages, err, test.want)
				}
			})
		})
	}
}

// What a broker delays by a stall counts from when it was due, in whichever way it
// stalls: a hundred of a thousand messages wait for up to 100 ms.
func TestStall(t *testing.T) {
	const stall = 100 * time.Millisecond
	for name, p := range map[string]*peer{
		"delivers late": {publish: func(n int, m *packets.Publish) []*packets.Publish {
			if n == 500 {
				time.Sleep(stall)
			}
			return []*packets.Publish{m}
		}},
		"reads late": {hold: func(n int) {
			if n == 500 {
				time.Sleep(stall)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				res, err := p.against(t, Config{})
				if err != nil || res.Void() {
					t.Fatalf("%+v, %v", res, err)
				}
				for unit, want := range map[string]float64{LatencyMedian: 1, Latency99: 90_000, LatencyGreatest: 100_000, Overdue: 0} {
					if got, ok := res.Value(unit); !ok || got < 0.98*want || got > 1.02*want {
						t.Errorf("got %g %s, want %g", got, unit, want)
					}
				}
			})
		})
	}
}

// What was due before the end and has never left is not left out.
func TestOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peer{hold: func(n int) {
			if n == 910 {
				time.Sleep(time.Second)
			}
		}}
		res, err := p.against(t, Config{})
		if err != nil || res.Void() {
			t.Fatalf("%+v, %v", res, err)
		}
		if got, _ := res.Value(Overdue); got != 100 {
			t.Errorf("%g messages are overdue, want 100", got)
		}
		if got, _ := res.Value(Latency99); got < 88_000 {
			t.Errorf("p99 is %g µs, want 90 000", got)
		}
	})
}

// A publisher that is held back does not hold back the others.
func TestOneIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var victim []byte
		p := &peer{acknowledge: func(m *packets.Publish) uint16 {
			if victim == nil {
				victim = append(victim, m.Topic...)
			}
			if string(victim) == string(m.Topic) {
				return 0
			}
			return m.PacketID
		}}
		c := Config{
			Scenario: "fan-in", QoS: 1, Publishers: 2, Subscribers: 1, Rate: 1000,
			Warmup: 10500 * time.Microsecond, Duration: time.Second,
		}
		if _, err := p.against(t, c); err != nil {
			t.Fatal(err)
		}
		if p.messages != window+505 {
			t.Errorf("%d messages were sent, want %d of one publisher and 505 of the other", p.messages, window)
		}
	})
}

func TestFaults(t *testing.T) {
	for _, test := range []struct {
		name string
		peer *peer
		qos  packets.QoS
		want string
	}{
		{"refused", &peer{refuse: packets.ReasonCode(packets.ReturnBadUserNameOrPassword)}, 0, "bench-source-0 waits for CONNACK: the broker refuses the connection: Bad User Name or Password"},
		{"refused in 5.0", &peer{version: packets.V5, refuse: packets.NotAuthorized}, 0, "the broker refuses the connection: Not authorized"},
		{"no CONNACK", &peer{mute: packets.TypeConnect}, 0, "waits for CONNACK: the broker does not answer for 30s"},
		{"end before CONNACK", &peer{ends: packets.TypeConnect}, 0, "waits for CONNACK: the broker ends the connection"},
		{"SUBACK 0x80", &peer{granted: 0x80}, 0, "answers 0x80"},
		{"less QoS than asked for", &peer{granted: 0xFF}, 1, "answers 0x00"},
		{"no SUBACK", &peer{mute: packets.TypeSubscribe}, 0, "bench-sink-0 waits for SUBACK: the broker does not answer"},
		{"end at a PUBLISH", &peer{ends: packets.TypePublish}, 0, "warm up: bench-source-0: the broker ends the connection"},
		{"a wrong acknowledgement", &peer{acknowledge: func(*packets.Publish) uint16 { return 9 }}, 1, "acknowledges packet identifier 9, which is not in use"},
		{"nothing is taken", &peer{hold: func(n int) {
			if n == 500 {
				time.Sleep(time.Minute)
			}
		}}, 0, "drain: the broker takes nothing from a publisher for 30s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := Config{Scenario: "pairs", Publishers: 1, QoS: test.qos, Rate: 1000, Warmup: 10500 * time.Microsecond, Duration: time.Second}
				_, err := test.peer.against(t, c)
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want %s", err, test.want)
				}
			})
		})
	}
}

// The end of the context ends a run at once, whatever it waits for.
func TestCancel(t *testing.T) {
	for name, p := range map[string]*peer{
		"connect":   {mute: packets.TypeConnect},
		"subscribe": {mute: packets.TypeSubscribe},
		"measure":   {},
		"publish":   {hold: func(n int) { time.Sleep(time.Duration(n/100) * time.Minute) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer p.start()()
				began, enough := time.Now(), errors.New("enough")
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, enough)
				defer cancel()
				_, err := Run(ctx, Config{Scenario: "pairs", Publishers: 1, Rate: 1000, Dial: p.dial, Duration: time.Hour})
				if took := time.Since(began); !errors.Is(err, enough) || took > time.Second+20*time.Millisecond {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}

// What a slow subscriber misses, and that it was disconnected, is told apart from what
// the others get.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := broker.New(broker.Config{SysInterval: -1, MaximumQueuedMessages: 20, MaximumInFlight: 10, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Shutdown(context.Background())
		res, err := Run(t.Context(), Config{
			Scenario: "slow", Dial: b.Dial, QoS: 1, Rate: 1000, Publishers: 1, Subscribers: 2, Duration: time.Second,
		})
		if err != nil || res.Void() {
			t.Fatalf("%+v, %v", res, err)
		}
		connected, _ := res.Value(SlowConnected)
		lost, _ := res.Value(SlowLost)
		if connected != 0 || lost < 900 || lost > 1000 {
			t.Errorf("connected %g, lost %g; want 0, and all but what was in flight of 1000", connected, lost)
		}
	})
}
