//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/fletchmq/fletch/bench/load"
	"github.com/fletchmq/fletch/packets"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// both runs a test with a relay of each kind, and gives it a way to connect.
func both(t *testing.T, test func(t *testing.T, dial func(context.Context) (net.Conn, error))) {
	for name, serve := range map[string]func(context.Context, *net.TCPListener) error{"epoll": serveEpoll, "net": serveNet} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- serve(ctx, ln.(*net.TCPListener)) }()
			test(t, func(ctx context.Context) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", ln.Addr().String())
			})
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// The load checks that every message comes once and in order.
func TestRelay(t *testing.T) {
	for _, c := range []load.Config{
		{Scenario: "pairs", Publishers: 10},
		{Scenario: "pairs", Publishers: 2, Size: 64 << 10, Batch: 2, Credit: 4, Version: packets.V5},
		{Scenario: "pairs", Publishers: 10, Batch: 1, Credit: 1},
		{Scenario: "pairs", Publishers: 10, Rate: 1000},
		{Scenario: "fan-out", Subscribers: 50},
	} {
		t.Run(fmt.Sprint(c.Scenario, c.Size, c.Credit, c.Rate), func(t *testing.T) {
			both(t, func(t *testing.T, dial func(context.Context) (net.Conn, error)) {
				c.Dial, c.Warmup, c.Duration = dial, time.Millisecond, 100*time.Millisecond
				r, err := load.Run(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				if n, _ := r.Value(load.PerSecond); r.Void() || n == 0 {
					t.Errorf("%v msg/s, and %+v", n, r.Tally)
				}
			})
		})
	}
}

// A publisher is held back by a subscriber that does not read, and nothing is lost.
func TestHoldsBack(t *testing.T) {
	both(t, func(t *testing.T, dial func(context.Context) (net.Conn, error)) {
		connect := func(more packets.Packet, answers int) net.Conn {
			c, err := dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			b := (&packets.Connect{CleanStart: true}).AppendTo(nil, packets.V311)
			if more != nil {
				b = more.AppendTo(b, packets.V311)
			}
			if _, err = c.Write(b); err == nil {
				_, err = io.ReadFull(c, make([]byte, answers))
			}
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		const connack, suback = 4, 5
		subscriber := connect(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("t")}}}, connack+suback)
		defer subscriber.Close()
		publisher := connect(nil, connack)
		defer publisher.Close()

		message := (&packets.Publish{Topic: []byte("t"), Payload: bytes.Repeat([]byte("x"), 100_000)}).AppendTo(nil, packets.V311)
		const most = 256 << 20
		sent := 0
		for sent < most {
			publisher.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
			n, err := publisher.Write(message)
			sent += n
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if sent >= most {
			t.Fatalf("%d bytes were taken that nobody reads", sent)
		}
		publisher.Close()
		subscriber.SetReadDeadline(time.Now().Add(10 * time.Second))
		got := make([]byte, sent)
		if n, err := io.ReadFull(subscriber, got); err != nil {
			t.Fatalf("%d of %d bytes: %v", n, sent, err)
		}
		for len(got) > 0 {
			n := min(len(got), len(message))
			if !bytes.Equal(got[:n], message[:n]) {
				t.Fatal("other bytes come than were sent")
			}
			got = got[n:]
		}
	})
}
