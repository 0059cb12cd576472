package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// stormTime is how long each storm lasts.
const stormTime = 500 * time.Millisecond

// Many goroutines do anything, in any order, while connections break; then the clients
// are closed, one of them by a handler, and nothing remains: whoever waits is told.
func TestStorm(t *testing.T) {
	for _, v := range []packets.Version{packets.V311, packets.V5} {
		t.Run(fmt.Sprint("pipe ", v), func(t *testing.T) {
			b := newBridge(t)
			storm(t, v, b.dial)
		})
		t.Run(fmt.Sprint("socket ", v), func(t *testing.T) { // where who publishes writes
			b, stop := start(broker.Config{Logger: slog.New(slog.DiscardHandler)})
			t.Cleanup(stop)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			go b.Serve(context.Background(), l)
			storm(t, v, func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
			})
		})
	}
}

// cutter keeps the connections of a storm, to cut them.
type cutter struct {
	mu  sync.Mutex
	all []net.Conn
}

func (c *cutter) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, conn)
}

func (c *cutter) cutOne() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.all); n > 0 {
		c.all[rand.IntN(n)].Close()
	}
}

func storm(t *testing.T, v packets.Version, dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	ctx, cancel := context.WithTimeout(t.Context(), stormTime)
	defer cancel()
	cuts := new(cutter)
	cfg := client.Config{Version: v, Backoff: func(int) time.Duration { return time.Millisecond }}
	cfg.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil {
			cuts.add(conn)
		}
		return conn, err
	}
	cfg.MaximumQueued = 20
	var clients []*client.Client
	var all sync.WaitGroup
	for i := range 3 {
		c, err := client.Start(context.Background(), "broker", cfg)
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
		for j := range 8 {
			all.Go(func() {
				s := stormer{c: c, rng: rand.New(rand.NewPCG(seed, uint64(10*i+j)))}
				for ctx.Err() == nil {
					s.step(ctx, 0)
				}
			})
		}
	}
	for ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
		cuts.cutOne()
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for _, c := range clients {
			go c.Publish(context.Background(), client.Message{Topic: "storm/last", QoS: 1})
			if err := c.Close(); err != nil && !errors.Is(err, client.ErrClosed) {
				t.Error(err)
			}
		}
		all.Wait()
	}()
	select {
	case <-over:
	case <-time.After(30 * time.Second):
		panic("the storm does not end") // with all goroutines
	}
}

// stormer is one goroutine of a storm.
type stormer struct {
	c   *client.Client
	rng *rand.Rand
}

// step does something, from within handlers too.
func (s *stormer) step(parent context.Context, depth int) {
	ctx := parent
	if s.rng.IntN(2) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(parent, time.Duration(s.rng.IntN(5000))*time.Microsecond)
		defer cancel()
	}
	topic := fmt.Sprint("storm/", s.rng.IntN(5))
	m := client.Message{Topic: topic, QoS: packets.QoS(s.rng.IntN(3)), Payload: make([]byte, s.rng.IntN(4000))}
	switch c := s.c; s.rng.IntN(12) {
	case 0:
		c.Subscribe(ctx, topic, m.QoS, s.handler(parent, depth))
	case 1:
		c.Subscribe(ctx, "storm/+", m.QoS, nil)
	case 2:
		c.Unsubscribe(ctx, topic, "storm/+")
	case 3:
		c.Ping(ctx)
	case 4:
		c.Request(ctx, m)
	case 5:
		n := 0
		for range c.Messages(ctx, topic) {
			if n++; n == 3 || s.rng.IntN(3) == 0 {
				break
			}
		}
	case 6:
		c.Receive(ctx)
	case 7, 8:
		if d, err := c.PublishAsync(ctx, m); err == nil && s.rng.IntN(2) == 0 {
			d.Wait(ctx)
		}
	default:
		c.Publish(ctx, m)
	}
}

// handler does something too, fails, panics, or takes its time to acknowledge.
func (s *stormer) handler(ctx context.Context, depth int) client.Handler {
	inner := stormer{c: s.c, rng: rand.New(rand.NewPCG(s.rng.Uint64(), 0))}
	return func(m *client.Message) error {
		switch n := inner.rng.IntN(20); {
		case n == 0:
			return errors.New("no")
		case n == 1:
			panic("ouch")
		case n == 2:
			return &client.RefusedError{Reason: packets.QuotaExceeded}
		case n < 6:
			held := m.Hold()
			go held.Ack()
		case n < 10:
			return inner.c.Reply(ctx, m, client.Message{})
		case n < 14 && depth < 2:
			inner.step(ctx, depth+1)
		}
		return nil
	}
}
