package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
)

// A handler that ends its goroutine has not handled its message, and the next one is
// for another goroutine.
func TestHandlerEndsItsGoroutine(t *testing.T) {
	for _, hooked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			cfg := client.Config{Version: packets.V311}
			if hooked { // a hook that panics is no better
				cfg.Hooks.Handle = func(m *client.Message) func(error) {
					if string(m.Payload) == "bad" {
						return func(error) { panic("hook") }
					}
					return func(error) {}
				}
			}
			c, peers := reconnecting(t, cfg)
			defer c.Close()
			peer := <-peers
			peer.Accept(nil)
			got := make(chan string, 10)
			subscribe(t, c, peer, "a", func(m *client.Message) error {
				if got <- string(m.Payload); string(m.Payload) == "bad" && !hooked {
					runtime.Goexit()
				}
				return nil
			})
			peer.Send(message(1, 1, "a", "good"), message(1, 2, "a", "bad"), message(1, 3, "a", "also good"))
			for _, payload := range []string{"good", "bad", "also good"} {
				want(t, "message", <-got, payload)
			}
			for id := range 3 { // refused is acknowledged: there is no session to send it again
				p := peer.Next().(*packets.Puback)
				want(t, "packet identifier", p.PacketID, uint16(id+1))
			}
			synctest.Wait()
			want(t, "unread", c.Stats().Unread, 0)
			go peer.Ignore()
		})
	}
}

// The same for who is told of the connections.
func TestOnUpEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan bool, 10)
		cfg := client.Config{Version: packets.V311}
		cfg.OnUp = func(client.UpEvent) { told <- true; runtime.Goexit() }
		cfg.OnDown = func(client.DownEvent) { told <- false; panic("ouch") }
		c, peers := reconnecting(t, cfg)
		for range 3 {
			peer := <-peers
			peer.Accept(nil)
			want(t, "up", <-told, true)
			peer.Close()
			want(t, "up", <-told, false)
		}
		c.Close()
		time.Sleep(time.Minute)
	})
}

// A handler that waits for room is not held up by what has come behind its own message:
// room comes with an acknowledgement, which stands behind that.
func TestHandlerWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := client.Config{Version: packets.V311, ClientID: "x", KeepSession: true, MaximumQueued: 1, Store: store.NewMemory()}
		c, peer := connect(t, cfg, nil)
		published := make(chan error, 1)
		subscribe(t, c, peer, "a", calls(func() {
			_, err := c.PublishAsync(t.Context(), client.Message{Topic: "second", QoS: 1})
			published <- err
		}))
		ctx, cancel := context.WithCancel(t.Context())
		first := async(func() error { return c.Publish(ctx, client.Message{Topic: "first", QoS: 1}) })
		p := peer.Next().(*packets.Publish)
		cancel() // it goes on, and nobody waits for it
		<-first
		for range 5 {
			peer.Send(message(0, 0, "a", string(make([]byte, 300<<10))))
		}
		peer.Send(&packets.Puback{PacketID: p.PacketID})
		want(t, "publish", <-published, nil)
		go peer.Ignore()
		c.Close()
	})
}

// The error of a handler is in the log where no acknowledgement depends on it: at QoS 0,
// and behind Hold.
func TestHandlerFailsForNobody(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		lines := make(chan string, 10)
		cfg := kept
		cfg.Logger = slog.New(tap{slog.NewTextHandler(io.Discard, nil), func(line string) { lines <- line }})
		c := begin(t, l, cfg)
		peer := accept(l, nil)
		subscribe(t, c, peer, "a", func(m *client.Message) error {
			m.Hold()
			return errors.New("of the handler")
		})
		peer.Send(message(0, 0, "a", ""), message(1, 1, "a", ""))
		synctest.Wait()
		want(t, "line", <-lines, "connected")
		for range 2 {
			select {
			case line := <-lines:
				want(t, "line", line, "handler failed")
			default:
				t.Error("nobody is told")
			}
		}
		want(t, "state", c.State(), client.Up)
	})
}
