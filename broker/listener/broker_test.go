package listener

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/fletchmq/fletch/broker"
)

// A broker is served by all of them, and its last word reaches every client.
func TestBroker(t *testing.T) {
	b, err := broker.New(broker.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	type client struct {
		name string
		net.Conn
	}
	var clients []client
	for _, tr := range transports(t) {
		l := listen(t, tr.address, tr.options)
		go b.Serve(context.Background(), l)
		c := tr.client(t, dial(t, l))
		send(t, c, "\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00") // CONNECT, 5.0
		connack := make([]byte, 2)
		if _, err := io.ReadFull(c, connack); err != nil || connack[0] != 0x20 {
			t.Fatalf("%s: CONNACK % x, %v", tr.name, connack, err)
		}
		io.CopyN(io.Discard, c, int64(connack[1]))
		send(t, c, "\xc0\x00")
		want(t, c, "\xd0\x00") // PINGRESP
		clients = append(clients, client{tr.name, c})
	}
	done := make(chan error)
	go func() { done <- b.Shutdown(context.Background()) }()
	for _, c := range clients {
		if rest, err := io.ReadAll(c); err != nil || string(rest) != "\xe0\x02\x8b\x00" && string(rest) != "\xe0\x01\x8b" {
			t.Errorf("%s: % x, %v: want DISCONNECT", c.name, rest, err)
		}
		c.Close()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
