package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// OnUp and OnDown are told of everything, in order, and with the cause.
func TestNews(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		var news []string
		var errs []error
		cfg := client.Config{
			ClientID: "x", KeepSession: true,
			OnUp: func(u client.UpEvent) {
				news = append(news, fmt.Sprint(u.Address, " ", u.SessionPresent, " ", u.Version))
			},
			OnDown: func(d client.DownEvent) {
				news, errs = append(news, fmt.Sprint("down ", d.Attempt, " ", d.Again < 0)), append(errs, d.Err)
			},
		}
		c := begin(t, l, cfg)
		l.Refuse(nil)
		peer := accept(l, nil)
		time.Sleep(20 * time.Second)
		peer.Close()
		peer = accept(l, present())
		synctest.Wait()
		go peer.Ignore()
		want(t, "close", c.Close(), nil)
		synctest.Wait()
		up := "mqtt://localhost:1883 "
		want(t, "news", fmt.Sprint(news), fmt.Sprint([]string{
			"down 0 false", up + "false " + l.Version.String(), "down 0 false", up + "true " + l.Version.String(), "down 1 true",
		}))
		if !errors.Is(errs[0], syscall.ECONNREFUSED) || !errors.Is(errs[1], io.EOF) || errs[2] != nil {
			t.Errorf("causes: %v", errs)
		}
	})
}

// Closing is the end, and no failure, while there is no connection too.
func TestNewsOfClose(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		downs := make(chan client.DownEvent, 1)
		c := begin(t, l, client.Config{OnDown: func(d client.DownEvent) { downs <- d }})
		go l.Hang()
		synctest.Wait()
		want(t, "close", c.Close(), nil)
		if d := <-downs; d.Err != nil || d.Again >= 0 {
			t.Errorf("%+v: want no error, and no other connection", d)
		}
	})
}

// A callback may do what it likes, and the next is told all the same.
func TestCallbacks(t *testing.T) {
	for name, do := range map[string]func(c *client.Client) error{
		"publish":   func(c *client.Client) error { return c.Publish(context.Background(), client.Message{Topic: "a"}) },
		"subscribe": func(c *client.Client) error { return c.Subscribe(context.Background(), "a", 0, nil) },
		"panic":     func(*client.Client) error { panic("of a callback") },
		"close":     (*client.Client).Close,
	} {
		t.Run(name, func(t *testing.T) {
			worlds(t, func(t *testing.T, l *clienttest.Listener) {
				clients, done, downs := make(chan *client.Client, 1), make(chan error, 1), make(chan error, 1)
				clients <- begin(t, l, client.Config{
					OnUp: func(client.UpEvent) {
						select {
						case c := <-clients:
							defer close(done)
							done <- do(c)
						default: // only once
						}
					},
					OnDown: func(d client.DownEvent) { downs <- d.Err },
				})
				peer := accept(l, nil)
				switch name {
				case "publish":
					peer.Expect(`PUBLISH topic=a payload=""`)
				case "subscribe":
					granted(peer, packets.GrantedQoS0)
				case "close":
					peer.Next()
				}
				want(t, "in the callback", <-done, nil)
				peer.Close()
				<-downs
			})
		})
	}
}

// Who blocks for ever has no more kept for him than the last news.
func TestNewsNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proceed := make(chan struct{})
		var attempts []int
		failing := errors.New("of the network")
		c, err := client.Start(t.Context(), "localhost", client.Config{
			Dialer:  func(context.Context, string, string) (net.Conn, error) { return nil, failing },
			Backoff: func(int) time.Duration { return time.Second },
			OnDown: func(d client.DownEvent) {
				<-proceed
				attempts = append(attempts, d.Attempt)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10_000*time.Second + time.Second/2)
		c.Close()
		close(proceed)
		synctest.Wait()
		want(t, "the last is told", attempts[len(attempts)-1], 10_000)
		if n := len(attempts); n > 1000 {
			t.Errorf("%d were kept", n)
		}
	})
}
