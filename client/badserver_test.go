package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// waiters are the calls that wait for a server.
var waiters = map[string]func(ctx context.Context, c *client.Client) error{
	"Publish 0": func(ctx context.Context, c *client.Client) error { return c.Publish(ctx, client.Message{Topic: "p"}) },
	"Publish 1": func(ctx context.Context, c *client.Client) error {
		return c.Publish(ctx, client.Message{Topic: "p", QoS: 1})
	},
	"Publish 2": func(ctx context.Context, c *client.Client) error {
		return c.Publish(ctx, client.Message{Topic: "p", QoS: 2})
	},
	"PublishAsync": delivered,
	"Subscribe":    func(ctx context.Context, c *client.Client) error { return c.Subscribe(ctx, "s", 0, nil) },
	"Unsubscribe":  func(ctx context.Context, c *client.Client) error { return c.Unsubscribe(ctx, "s") },
	"Ping":         func(ctx context.Context, c *client.Client) error { return c.Ping(ctx) },
	"Receive":      func(ctx context.Context, c *client.Client) error { _, err := c.Receive(ctx); return err },
	"Request": func(ctx context.Context, c *client.Client) error {
		_, err := c.Request(ctx, client.Message{Topic: "r"})
		return err
	},
	"Messages": func(ctx context.Context, c *client.Client) error {
		for _, err := range c.Messages(ctx, "m") {
			return err
		}
		return nil
	},
}

func delivered(ctx context.Context, c *client.Client) error {
	d, err := c.PublishAsync(ctx, client.Message{Topic: "p", QoS: 1})
	if err != nil {
		return err
	}
	return d.Wait(ctx)
}

// servers are those that are no help, once they have granted a subscription.
var servers = map[string]func(conn net.Conn, stop <-chan struct{}){
	"silent": func(conn net.Conn, _ <-chan struct{}) { io.Copy(io.Discard, conn) },
	"deaf":   func(_ net.Conn, stop <-chan struct{}) { <-stop },
	"flooding": func(conn net.Conn, stop <-chan struct{}) {
		go io.Copy(io.Discard, conn)
		flood(conn, stop, "flood")
	},
	"flooding and deaf": func(conn net.Conn, stop <-chan struct{}) { flood(conn, stop, "flood") },
	"flooding the handler": func(conn net.Conn, stop <-chan struct{}) {
		go io.Copy(io.Discard, conn)
		flood(conn, stop, "go")
	},
}

// flood sends 20 MB at 100 MB/s, or until the client takes no more.
func flood(conn net.Conn, stop <-chan struct{}, topic string) {
	b := message(0, 0, topic, string(make([]byte, 100<<10))).AppendTo(nil, packets.V5)
	for range 200 {
		select {
		case <-stop:
			return
		case <-time.After(time.Millisecond):
		}
		if _, err := conn.Write(b); err != nil {
			return
		}
	}
}

// From a handler everything ends with its context, whatever the server does; and then
// the client can be closed.
func TestHandlerWithABadServer(t *testing.T) {
	for name, serve := range servers {
		for _, quota := range []uint16{0, 1} { // 1: and it is used up
			t.Run(fmt.Sprint(name, " ", quota), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { handlerWithABadServer(t, serve, quota) })
			})
		}
	}
}

func handlerWithABadServer(t *testing.T, serve func(conn net.Conn, stop <-chan struct{}), quota uint16) {
	var ack *packets.Connack
	if quota > 0 {
		ack = window(quota)
	}
	near, far := net.Pipe()
	peer := clienttest.New(t, far, packets.V5)
	accepted := async(func() error { peer.Accept(ack); return nil })
	c, err := client.New(t.Context(), near, client.Config{Version: packets.V5, KeepAlive: -1, ClientID: "x"})
	if err != nil {
		t.Fatal(err)
	}
	<-accepted
	stop, over := make(chan struct{}), make(chan struct{})
	subscribe(t, c, peer, "flood", calls(func() {}))
	var once sync.Once
	subscribe(t, c, peer, "go", calls(func() {
		once.Do(func() {
			defer close(over)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			var all sync.WaitGroup
			for name, wait := range waiters {
				all.Go(func() {
					err := wait(ctx, c)
					if err != nil && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: got %v, want the end of the context", name, err)
					}
				})
			}
			all.Wait()
		})
	}))
	if quota > 0 {
		used := publish(c, 1, "used up")
		peer.Next()
		defer func() { <-used }()
	}
	peer.Send(message(0, 0, "go", ""))
	var served sync.WaitGroup
	served.Go(func() { serve(far, stop) })
	soon(t, "what a handler asks for", over)
	closed := make(chan struct{})
	go func() { c.Close(); close(closed) }()
	soon(t, "Close", closed)
	close(stop)
	peer.Close()
	served.Wait()
}

// Whoever waits is told when a handler closes the client.
func TestHandlerClosesWhileOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{Version: packets.V5, KeepAlive: -1, ClientID: "x"}, nil)
		subscribe(t, c, peer, "go", calls(func() { c.Close() }))
		var all sync.WaitGroup
		for name, wait := range waiters {
			if name == "Publish 0" {
				continue // is not waiting
			}
			all.Go(func() {
				if err := wait(context.Background(), c); !errors.Is(err, client.ErrClosed) {
					t.Errorf("%s: got %v, want ErrClosed", name, err)
				}
			})
		}
		go peer.Ignore()
		synctest.Wait()
		peer.Send(message(1, 1, "go", ""))
		all.Wait()
		<-c.Done()
	})
}
