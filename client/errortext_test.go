package client_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// failures are what a user may read of a server that cannot be reached.
var failures = map[string]func(ctx context.Context, cfg client.Config) error{
	"Dial": func(ctx context.Context, cfg client.Config) error {
		_, err := client.Dial(ctx, "one,two", cfg)
		return err
	},
	"Dial with bad Credentials": func(ctx context.Context, cfg client.Config) error {
		cfg.Version = packets.V311
		cfg.Credentials = func(context.Context) (string, string, error) { return "", "a password alone", nil }
		cfg.Dialer = func(context.Context, string, string) (net.Conn, error) { near, _ := net.Pipe(); return near, nil }
		_, err := client.Dial(ctx, "one", cfg)
		return err
	},
	"AwaitUp": started((*client.Client).AwaitUp),
	"Ping":    started((*client.Client).Ping),
	"Publish": started(func(c *client.Client, ctx context.Context) error {
		return c.Publish(ctx, client.Message{Topic: "a"})
	}),
	"Request": started(func(c *client.Client, ctx context.Context) error {
		_, err := c.Request(ctx, client.Message{Topic: "a"})
		return err
	}),
	"Ping of a Client that is closed": started(func(c *client.Client, ctx context.Context) error {
		c.Close()
		return c.Ping(ctx)
	}),
}

func started(do func(c *client.Client, ctx context.Context) error) func(ctx context.Context, cfg client.Config) error {
	return func(ctx context.Context, cfg client.Config) error {
		c, err := client.Start(ctx, "one", cfg)
		if err != nil {
			return err
		}
		return do(c, ctx)
	}
}

// An error is one line, which names the package once.
func TestErrorsAreOneLine(t *testing.T) {
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := fail(ctx, client.Config{Version: packets.V5, Dialer: func(context.Context, string, string) (net.Conn, error) {
					return nil, errors.New("connection refused")
				}})
				text := err.Error()
				if !strings.HasPrefix(text, "client: ") || strings.Count(text, "client: ") > 1 || strings.Contains(text, "\n") {
					t.Error(text)
				}
			})
		})
	}
}

// AwaitUp says what has become of the attempts since it was called.
func TestAwaitUpSaysWhy(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, client.Config{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		done := async(func() error { return c.AwaitUp(ctx) })
		synctest.Wait()
		l.Refuse(nil)
		wantError(t, <-done, context.DeadlineExceeded, syscall.ECONNREFUSED)
	})
}

// What the address has, the Config need not: a password may go with its user name.
func TestPasswordForTheUserOfTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V311)
		if _, err := client.Start(t.Context(), "mqtt://me@localhost", client.Config{Password: "secret", Dialer: l.Dial}); err != nil {
			t.Fatal(err)
		}
		connect, _ := l.Accept().Next().(*packets.Connect)
		want(t, "credentials", string(connect.Username)+":"+string(connect.Password), "me:secret")
	})
}
