package client_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// Handlers that publish into one another's subscriptions, and wait for the server each
// time, in one client and in several: what goes round is a count, large and small, that
// each of them takes one off.
func TestHandlersInARing(t *testing.T) {
	for qos := range packets.QoS(3) {
		for _, clients := range []int{1, 3} {
			t.Run(fmt.Sprint("QoS ", qos, " clients ", clients), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { ring(t, qos, clients) })
			})
		}
	}
}

func ring(t *testing.T, qos packets.QoS, clients int) {
	const stations, messages, hops = 6, 20, 10
	b := newBridge(t)
	var arrived sync.WaitGroup
	arrived.Add(messages)
	var all []*client.Client
	for range clients {
		c, err := client.Dial(t.Context(), "broker", client.Config{Version: packets.V5, ReceiveMaximum: 5, Dialer: b.dial})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		all = append(all, c)
	}
	for i := range stations {
		c, next := all[i%clients], fmt.Sprint("ring/", (i+1)%stations)
		err := c.Subscribe(t.Context(), fmt.Sprint("ring/", i), 2, func(m *client.Message) error {
			left, _ := m.Props.ContentType()
			n, err := strconv.Atoi(string(left))
			if err != nil || n == 0 {
				arrived.Done()
				return err
			}
			return c.Publish(context.Background(), counted(next, qos, n-1, m.Payload))
		})
		want(t, "subscribe", err, nil)
	}
	for i := range messages {
		size := 10
		if i%10 == 0 {
			size = 100 << 10
		}
		err := all[0].Publish(t.Context(), counted(fmt.Sprint("ring/", i%stations), qos, hops, make([]byte, size)))
		want(t, "publish", err, nil)
	}
	over := make(chan struct{})
	go func() { arrived.Wait(); close(over) }()
	soon(t, "the ring", over)
}

func counted(topic string, qos packets.QoS, n int, payload []byte) client.Message {
	m := client.Message{Topic: topic, QoS: qos, Payload: payload}
	m.Props.SetContentType([]byte(strconv.Itoa(n)))
	return m
}

// A handler that blocks for an hour: others go on, the keep alive goes on, its message
// is acknowledged when it returns, and the client can be closed while another blocks.
func TestHandlerBlocksForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBridge(t)
		cfg := client.Config{Version: packets.V311, KeepAlive: 10 * time.Second, Dialer: b.dial}
		c, err := client.Dial(t.Context(), "broker", cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		woken := make(chan struct{}, 1)
		err = c.Subscribe(ctx, "slow", 1, calls(func() { time.Sleep(time.Hour); woken <- struct{}{} }))
		want(t, "subscribe", err, nil)
		got := make(chan string, 1)
		want(t, "subscribe", c.Subscribe(ctx, "quick", 1, collect(got)), nil)
		begin := time.Now()
		want(t, "publish", c.Publish(ctx, client.Message{Topic: "slow", QoS: 1}), nil)
		for minute := range 59 {
			want(t, "publish", c.Publish(ctx, client.Message{Topic: "quick", QoS: 1}), nil)
			want(t, "message", <-got, "quick=")
			want(t, "ping", c.Ping(ctx), nil)
			time.Sleep(time.Minute)
			want(t, "minutes", time.Since(begin).Round(time.Minute), time.Duration(minute+1)*time.Minute)
		}
		<-woken
		want(t, "connections", c.Stats().Connects, uint64(1))

		want(t, "publish", c.Publish(ctx, client.Message{Topic: "slow", QoS: 1}), nil)
		synctest.Wait()
		begin = time.Now()
		want(t, "close", c.Close(), nil)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("Close has taken %v", took)
		}
		<-woken
	})
}

// A connection that is lost does not wait for a handler that blocks, nor does the next
// one; and what the handler asks for then is asked on the next one.
func TestReconnectBesideHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBridge(t)
		c, err := client.Dial(t.Context(), "broker", client.Config{Version: packets.V5, Dialer: b.dial})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx := t.Context()
		release, done := make(chan struct{}), make(chan error, 1)
		var once sync.Once
		err = c.Subscribe(ctx, "a", 1, calls(func() {
			once.Do(func() {
				<-release
				done <- everything(c, "later")
			})
		}))
		want(t, "subscribe", err, nil)
		want(t, "publish", c.Publish(ctx, client.Message{Topic: "a", QoS: 1}), nil)
		synctest.Wait()
		for connection := range uint64(5) {
			b.cut()
			synctest.Wait()
			want(t, "up", c.AwaitUp(ctx), nil)
			want(t, "connections", c.Stats().Connects, connection+2)
		}
		b.cut()
		synctest.Wait() // a Ping on the connection that ends would be an ErrUnknown
		close(release)
		want(t, "the handler", <-done, nil)
	})
}
