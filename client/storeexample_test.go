package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
)

// What was accepted while the server was away is published by the next process.
func ExampleConfig_store() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "outbox")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	process := func(dialer func(ctx context.Context, network, address string) (net.Conn, error), do func(c *client.Client)) {
		outbox, err := store.OpenDir(dir, store.DirOptions{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			log.Fatal(err)
		}
		defer outbox.Close()
		c, err := client.Start(ctx, "broker", client.Config{
			ClientID: "sensor-7", KeepSession: true, Store: outbox, Dialer: dialer,
		})
		if err != nil {
			log.Fatal(err)
		}
		defer c.Close()
		do(c)
	}
	away := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("the server is away") }
	process(away, func(c *client.Client) {
		_, err := c.PublishAsync(ctx, client.Message{Topic: "temperature", Payload: []byte("21.5"), QoS: packets.ExactlyOnce})
		fmt.Println("accepted:", err)
	})

	b, stop := start(broker.Config{})
	defer stop()
	reader := dial(b)
	defer reader.Close()
	if err := reader.Subscribe(ctx, "temperature", packets.ExactlyOnce, nil); err != nil {
		log.Fatal(err)
	}
	back := func(ctx context.Context, _, _ string) (net.Conn, error) { return b.Dial(ctx) }
	process(back, func(*client.Client) {
		m, err := reader.Receive(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("published: %s\n", m.Payload)
	})
	// Output:
	// accepted: <nil>
	// published: 21.5
}
