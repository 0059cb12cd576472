package client_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// soon fails the test if done takes more than the patience of Close.
func soon(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Errorf("%s takes more than 10 s", what)
	}
}

// The context of Start ends the Client though the transport takes nothing, and though
// there is no keep alive to notice it.
func TestStartEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := client.Config{KeepAlive: -1}
		peers := make(chan net.Conn, 1)
		cfg.Dialer = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			peers <- far
			return near, nil
		}
		c, err := client.Start(ctx, "server", cfg)
		if err != nil {
			t.Fatal(err)
		}
		peer := <-peers
		defer peer.Close()
		peer.Read(make([]byte, 100))
		peer.Write([]byte{0x20, 2, 0, 0})
		if err := c.AwaitUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		cancel()
		soon(t, "the end", c.Done())
	})
}

// What the Client calls may close it, and may take its time: Close is over all the same.
func TestCloseWhileConnecting(t *testing.T) {
	for _, test := range []struct {
		name string
		set  func(cfg *client.Config, do func())
	}{
		{"Credentials", func(cfg *client.Config, do func()) {
			cfg.Credentials = func(context.Context) (string, string, error) { do(); return "", "", nil }
		}},
		{"Dialer", func(cfg *client.Config, do func()) {
			cfg.Dialer = func(context.Context, string, string) (net.Conn, error) { do(); return nil, errors.New("no") }
		}},
		{"Backoff", func(cfg *client.Config, do func()) {
			cfg.Backoff = func(int) time.Duration { do(); return time.Second }
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				closed, started := make(chan struct{}), make(chan *client.Client, 1)
				cfg := client.Config{Version: packets.V311, Dialer: func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					go func() { // CONNECT, and then nothing more
						far.Read(make([]byte, 100))
						far.Close()
					}()
					return near, nil
				}}
				called := false
				test.set(&cfg, func() {
					if !called {
						called = true
						c := <-started
						c.Close()
						close(closed)
					}
				})
				c, err := client.Start(t.Context(), "server", cfg)
				if err != nil {
					t.Fatal(err)
				}
				started <- c
				soon(t, "Close", closed)
				soon(t, "the end", c.Done())
			})
		})
	}
}
