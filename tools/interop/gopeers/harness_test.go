package gopeers

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/broker/listener"
)

// patience bounds everything here that is expected to happen.
const patience = 20 * time.Second

// library is a client of others in a version it speaks.
type library struct {
	name    string
	schemes []string
	dial    func(t *testing.T, broker *url.URL, o options) peer
}

// options of a connection. A session that does not stay ends with it.
type options struct {
	id        string
	stays     bool
	will      string // topic of a message "gone" at QoS 1, if any
	keepAlive uint16 // seconds, or 0 for 60
}

// peer is a connected client. What fails ends the test.
type peer interface {
	subscribe(t *testing.T, filter string, qos byte)
	unsubscribe(t *testing.T, filter string)
	publish(t *testing.T, m message)
	received() <-chan message
	ended() <-chan struct{} // closed when the connection was lost
	cut()                   // without DISCONNECT
	close(t *testing.T)
}

type message struct {
	topic   string
	payload string
	qos     byte
	retain  bool
}

func (m message) String() string {
	return fmt.Sprintf("%s, QoS %d, RETAIN %t: %.50q", m.topic, m.qos, m.retain, m.payload)
}

var libraries = []library{
	{"paho.mqtt.golang,3.1", []string{"mqtt", "ws"}, dialOldPaho(3)},
	{"paho.mqtt.golang,3.1.1", []string{"mqtt", "ws"}, dialOldPaho(4)},
	{"paho.golang,5.0", []string{"mqtt"}, dialPaho},
	{"autopaho,5.0", []string{"mqtt", "ws"}, dialAutopaho},
}

// dialer connects to the broker of a test.
type dialer func(t *testing.T, o options) peer

// each runs a test with each library over each of its transports, and a broker for
// each.
func each(t *testing.T, test func(t *testing.T, dial dialer)) {
	t.Parallel()
	for _, l := range libraries {
		for _, scheme := range l.schemes {
			t.Run(l.name+","+scheme, func(t *testing.T) {
				t.Parallel()
				broker := startBroker(t, scheme)
				test(t, func(t *testing.T, o options) peer {
					t.Helper()
					return l.dial(t, broker, o)
				})
			})
		}
	}
}

// warnings fails a test if the broker has anything to warn of: what these clients do
// is what clients do.
type warnings struct{ t *testing.T }

func (w warnings) Write(b []byte) (int, error) {
	w.t.Errorf("the broker logs: %s", b)
	return len(b), nil
}

func startBroker(t *testing.T, scheme string) *url.URL {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(warnings{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	b, err := broker.New(broker.Config{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	l, err := listener.Listen(t.Context(), scheme+"://127.0.0.1:0", listener.Options{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- b.Serve(context.Background(), l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := b.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-served
	})
	where := &url.URL{Scheme: scheme, Host: l.Addr().String()}
	if scheme == "ws" {
		where.Path = listener.DefaultPath
	}
	return where
}

func dialTCP(t *testing.T, broker *url.URL) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", broker.Host)
	if err != nil {
		t.Fatal(err)
	}
	return nc
}

func next(t *testing.T, p peer) message {
	t.Helper()
	select {
	case m := <-p.received():
		return m
	case <-time.After(patience):
		t.Fatal("no message")
		return message{}
	}
}

// want reads as many messages as it is given, in any order.
func want(t *testing.T, p peer, all ...message) {
	t.Helper()
	for left := slices.Clone(all); len(left) > 0; {
		m := next(t, p)
		i := slices.Index(left, m)
		if i < 0 {
			t.Fatalf("got %v, want one of %v", m, left)
		}
		left = slices.Delete(left, i, i+1)
	}
}

func wantEnd(t *testing.T, p peer) {
	t.Helper()
	select {
	case <-p.ended():
	case <-time.After(patience):
		t.Fatal("the connection has not ended")
	}
}
