package client_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// BenchmarkRequest is a request and its reply, by one client through a broker in the
// same program.
func BenchmarkRequest(b *testing.B) {
	server, stop := start(broker.Config{Logger: slog.New(slog.DiscardHandler)})
	defer stop()
	c, err := client.New(b.Context(), transport(server), client.Config{Version: packets.V5})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	err = c.Subscribe(ctx, "echo", 0, func(m *client.Message) error {
		return c.Reply(ctx, m, client.Message{Payload: m.Payload})
	})
	if err != nil {
		b.Fatal(err)
	}
	m := client.Message{Topic: "echo", Payload: make([]byte, 64)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Request(ctx, m); err != nil {
			b.Fatal(err)
		}
	}
}
