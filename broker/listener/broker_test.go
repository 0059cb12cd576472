package listener_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/broker/listener"
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
	listener.EachListener(t, func(name string, l net.Listener, dial func() net.Conn) {
		go b.Serve(context.Background(), l)
		c := dial()
		listener.Send(t, c, "\x10\x0d\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00") // CONNECT, 5.0
		connack := make([]byte, 2)
		if _, err := io.ReadFull(c, connack); err != nil || connack[0] != 0x20 {
			t.Fatalf("%s: CONNACK % x, %v", name, connack, err)
		}
		io.CopyN(io.Discard, c, int64(connack[1]))
		listener.Send(t, c, "\xc0\x00")
		listener.Want(t, c, "\xd0\x00") // PINGRESP
		clients = append(clients, client{name, c})
	})
	done := make(chan error)
	go func() { done <- b.Shutdown(context.Background()) }()
	for _, c := range clients {
		if rest, err := io.ReadAll(c); err != nil || len(rest) < 3 || len(rest) != 2+int(rest[1]) || rest[0] != 0xe0 || rest[2] != 0x8b {
			t.Errorf("%s: % x, %v: want DISCONNECT", c.name, rest, err)
		}
		c.Close()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Who a client is by its certificate, Authenticate and a Method get to know.
func TestPeerNameInLogin(t *testing.T) {
	names := make(chan string, 1)
	b, err := broker.New(broker.Config{
		Logger: slog.New(slog.DiscardHandler),
		Authenticate: func(_ context.Context, login *broker.Login) error {
			names <- login.PeerName
			return nil
		},
		Methods: map[string]broker.Method{"m": func(login *broker.Login) broker.Exchange {
			names <- login.PeerName
			return nil // which is a panic
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Shutdown(context.Background())
	l, dialAs := listener.ListenForCertificates(t, "tls://127.0.0.1:0")
	go b.Serve(context.Background(), l)
	for _, name := range []string{"device 7", ""} {
		for _, connect := range []string{
			"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",                  // 3.1.1
			"\x10\x11\x00\x04MQTT\x05\x02\x00\x00\x04\x15\x00\x01m\x00\x00", // 5.0, Authentication Method "m"
		} {
			c := dialAs(name)
			listener.Send(t, c, connect)
			if got := <-names; got != name {
				t.Errorf("PeerName %q, want %q", got, name)
			}
			c.Close()
		}
	}
}
