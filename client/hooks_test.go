package client_test

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// tap is a slog.Handler that calls f with each line.
type tap struct {
	slog.Handler
	f func(line string)
}

func (h tap) Handle(_ context.Context, r slog.Record) error {
	h.f(r.Message)
	return nil
}

// A Logger may ask the client whose log it keeps, and publish there.
func TestLoggerMayUseTheClient(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		var c *client.Client
		made, lines := make(chan struct{}), make(chan string, 10)
		c = begin(t, l, client.Config{
			ClientID: "x", KeepSession: true,
			Logger: slog.New(tap{slog.NewTextHandler(io.Discard, nil), func(line string) {
				<-made
				if c.State() == client.Up {
					c.PublishAsync(t.Context(), client.Message{Topic: "log", Payload: []byte(line)})
				}
				lines <- line
			}}),
		})
		close(made)
		peer := accept(l, nil)
		peer.Expect(`PUBLISH topic=log payload="connected"`)
		want(t, "first", <-lines, "connected")
		subscribe(t, c, peer, "a", func(*client.Message) error { return io.ErrUnexpectedEOF })
		peer.Send(message(packets.AtLeastOnce, 1, "a", "")) // which the handler fails
		go peer.Ignore()
		want(t, "second", <-lines, "handler failed")
		want(t, "third", <-lines, "not connected")
	})
}

// The hook around a handler is told of its panic, and has no need to be told anything.
func TestHandleHook(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		outcomes := make(chan error, 10)
		c := begin(t, l, client.Config{Hooks: client.Hooks{Handle: func(m *client.Message) func(error) {
			if m.Topic == "quiet" {
				return nil
			}
			return func(err error) { outcomes <- err }
		}}})
		peer := accept(l, nil)
		subscribe(t, c, peer, "#", func(m *client.Message) error {
			switch m.Topic {
			case "panic":
				panic("so")
			case "exits": // as FailNow of a test
				runtime.Goexit()
			case "fails":
				return io.ErrUnexpectedEOF
			}
			return nil
		})
		for _, topic := range []string{"quiet", "panic", "exits", "fails", "good"} {
			peer.Send(message(packets.AtMostOnce, 0, topic, ""))
		}
		for range 2 {
			if err := <-outcomes; err == nil {
				t.Error("the hook is not told that the handler has not returned")
			}
		}
		want(t, "of the handler", <-outcomes, io.ErrUnexpectedEOF)
		want(t, "of the last", <-outcomes, nil)
		go peer.Ignore()
	})
}

// A message may be published by many at a time, though a hook adds to each.
func TestPublishHookAdds(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		if l.Version != packets.V5 {
			return
		}
		n := byte('0')
		c := begin(t, l, client.Config{Hooks: client.Hooks{Publish: func(_ context.Context, m *client.Message) {
			n++
			m.Props.AddUserProperty([]byte("n"), []byte{n})
		}}})
		m := client.Message{Topic: "a"}
		for range 6 { // and there is room for more
			m.Props.AddUserProperty([]byte("x"), nil)
		}
		for range 2 { // which wait for a connection
			go c.Publish(t.Context(), m)
			synctest.Wait()
		}
		peer := accept(l, nil)
		for _, want := range []string{"1", "2"} {
			p := peer.Next().(*packets.Publish)
			if got, _ := p.Props.UserProperties().Get("n"); string(got) != want {
				t.Errorf("property n is %q, want %s", got, want)
			}
		}
		go peer.Ignore()
	})
}
