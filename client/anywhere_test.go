package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// patience is more than any call takes while the server answers.
const patience = time.Minute

// everything is what a client can be asked for, but to leave. Its topics are below name.
func everything(c *client.Client, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	topic := "everything/" + name
	m := client.Message{Topic: topic, Payload: []byte("x")}
	all := []error{c.AwaitUp(ctx), c.Ping(ctx)}
	for qos := range packets.QoS(3) {
		m.QoS = qos
		d, err := c.PublishAsync(ctx, m)
		if err == nil {
			err = d.Wait(ctx)
		}
		all = append(all, c.Publish(ctx, m), err)
	}
	_, err := c.SubscribeAll(ctx, func(m *client.Message) error {
		m.Hold().Ack()
		return nil
	}, client.Subscription{Filter: topic, QoS: 2}, client.Subscription{Filter: topic + "/+", QoS: 1})
	all = append(all, err, c.Publish(ctx, m), c.Subscribe(ctx, topic+"/ask", 2, func(m *client.Message) error {
		return c.Reply(ctx, m, client.Message{Payload: m.Payload})
	}))
	_, err = c.Request(ctx, client.Message{Topic: topic + "/ask", QoS: 1})
	all = append(all, err)
	var sent sync.WaitGroup
	sent.Go(func() {
		for ctx.Err() == nil && c.Publish(ctx, client.Message{Topic: topic + "/loop"}) == nil {
			time.Sleep(time.Millisecond)
		}
	})
	for _, err := range c.Messages(ctx, topic+"/loop") {
		all = append(all, err)
		break
	}
	all = append(all, c.Unsubscribe(ctx, topic, topic+"/+", topic+"/ask"))
	cancel()
	sent.Wait()
	_, _, _, _ = c.State(), c.Stats(), c.ClientID(), c.Connack()
	return errors.Join(all...)
}

// bridge is how a client reaches a broker in the same program, and how to cut it off.
type bridge struct {
	b    *broker.Broker
	mu   sync.Mutex
	last net.Conn
}

func newBridge(t *testing.T) *bridge {
	b, stop := start(broker.Config{Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(stop)
	return &bridge{b: b}
}

func (b *bridge) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := b.b.Dial(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = conn
	return conn, err
}

func (b *bridge) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last.Close()
}

// anywhere is a client whose cfg calls do, once, in some place, and what has do called.
type anywhere struct {
	name  string
	set   func(cfg *client.Config, do func())
	cause func(b *bridge, c *client.Client, do func()) error // returns when the client is closed
}

func trigger(c *client.Client) error {
	return c.Publish(context.Background(), client.Message{Topic: "trigger", QoS: 1})
}

var places = []anywhere{
	{"handler", nil, func(_ *bridge, c *client.Client, do func()) error {
		return errors.Join(c.Subscribe(context.Background(), "trigger", 2, calls(do)), trigger(c))
	}},
	{"loop", nil, func(_ *bridge, c *client.Client, do func()) error {
		ctx := context.Background()
		var sent sync.WaitGroup
		defer sent.Wait()
		sent.Go(func() {
			for c.Publish(ctx, client.Message{Topic: "trigger"}) == nil {
				time.Sleep(time.Second)
			}
		})
		for _, err := range c.Messages(ctx, "trigger") {
			do()
			return err
		}
		return nil
	}},
	{"OnUp", func(cfg *client.Config, do func()) { cfg.OnUp = func(client.UpEvent) { do() } }, nil},
	{"OnDown", func(cfg *client.Config, do func()) { cfg.OnDown = func(client.DownEvent) { do() } }, func(b *bridge, _ *client.Client, _ func()) error {
		b.cut()
		return nil
	}},
	{"Hooks.Publish", func(cfg *client.Config, do func()) {
		cfg.Hooks.Publish = func(context.Context, *client.Message) { do() }
	}, func(_ *bridge, c *client.Client, _ func()) error { return trigger(c) }},
	{"Hooks.Handle", func(cfg *client.Config, do func()) {
		cfg.Hooks.Handle = func(*client.Message) func(error) { return func(error) { do() } }
	}, func(_ *bridge, c *client.Client, _ func()) error {
		return errors.Join(c.Subscribe(context.Background(), "trigger", 2, calls(func() {})), trigger(c))
	}},
	{"Delivery", nil, func(_ *bridge, c *client.Client, do func()) error {
		d, err := c.PublishAsync(context.Background(), client.Message{Topic: "trigger", QoS: 2})
		if err != nil {
			return err
		}
		<-d.Done()
		do()
		return d.Err()
	}},
}

// doAnywhere has do called in each place, with a client of a broker.
func doAnywhere(t *testing.T, do func(c *client.Client) error) {
	for _, place := range places {
		t.Run(place.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBridge(t)
				ready, done := make(chan *client.Client, 1), make(chan error, 1)
				var called atomic.Bool
				once := func() {
					if called.CompareAndSwap(false, true) {
						c := <-ready
						done <- do(c)
					}
				}
				cfg := client.Config{Version: packets.V5, KeepAlive: 10 * time.Second, Dialer: b.dial}
				if place.set != nil {
					place.set(&cfg, once)
				}
				c, err := client.Dial(t.Context(), "broker", cfg)
				if err != nil {
					t.Fatal(err)
				}
				ready <- c
				var caused sync.WaitGroup
				if place.cause != nil {
					caused.Go(func() { place.cause(b, c, once) })
				}
				defer caused.Wait()
				defer c.Close()
				select {
				case err := <-done:
					want(t, "all of it", err, nil)
				case <-time.After(10 * patience):
					t.Error("it does not return")
				}
			})
		})
	}
}

func TestEverythingAnywhere(t *testing.T) {
	doAnywhere(t, func(c *client.Client) error { return everything(c, "one") })
}

func TestCloseAnywhere(t *testing.T) {
	doAnywhere(t, (*client.Client).Close)
	doAnywhere(t, func(c *client.Client) error { return c.Disconnect(context.Background()) })
}

// Many at once, from the handlers of several subscriptions.
func TestEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBridge(t)
		c, err := client.Dial(t.Context(), "broker", client.Config{Version: packets.V5, Dialer: b.dial})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		done := make(chan error, 10)
		for i := range cap(done) {
			name := fmt.Sprint(i)
			err := c.Subscribe(t.Context(), "start/"+name, 2, calls(func() { done <- everything(c, name) }))
			want(t, "subscribe", err, nil)
		}
		for i := range cap(done) {
			err := c.Publish(t.Context(), client.Message{Topic: fmt.Sprint("start/", i), QoS: packets.QoS(i % 3)})
			want(t, "publish", err, nil)
		}
		for range cap(done) {
			want(t, "all of it", <-done, nil)
		}
	})
}
