package client_test

import (
	"context"
	"io"
	"log/slog"
	"testing"

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
