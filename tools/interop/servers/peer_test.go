package servers

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// dial is a client until the end of the test, which comes back at once after a cut.
func dial(t *testing.T, address string, cfg client.Config) *client.Client {
	t.Helper()
	cfg.TLS = clientTLS
	cfg.Backoff = func(int) time.Duration { return 10 * time.Millisecond }
	c, err := client.Dial(patient(t), address, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// patient ends the test rather than let it wait for ever.
func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// line is a Dialer that can be cut.
type line struct {
	mu   sync.Mutex
	conn net.Conn
	mend chan struct{} // closed when connections can be made again, nil if they can
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	mend := l.mend
	l.mu.Unlock()
	if mend != nil {
		select {
		case <-mend:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	nc, err := new(net.Dialer).DialContext(ctx, network, address)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = nc
	return nc, err
}

// cut ends the connection without DISCONNECT. There is no other until it is mended.
func (l *line) cut() (mend func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	mended := make(chan struct{})
	l.mend = mended
	l.conn.Close()
	return sync.OnceFunc(func() { close(mended) })
}

// inbox is messages as a handler gets them.
type inbox chan *client.Message

func newInbox() inbox { return make(inbox, 10_000) }

func (in inbox) handle(m *client.Message) error {
	in <- m.Clone()
	return nil
}

func (in inbox) next(t *testing.T) *client.Message {
	t.Helper()
	select {
	case m := <-in:
		return m
	case <-time.After(patience):
		t.Fatal("no message")
		return nil
	}
}

// until gives the payloads of messages up to the one that says end, which it leaves out.
func (in inbox) until(t *testing.T, end string) (payloads []string) {
	t.Helper()
	for m := in.next(t); string(m.Payload) != end; m = in.next(t) {
		payloads = append(payloads, string(m.Payload))
	}
	return payloads
}

func want(t *testing.T, got *client.Message, topic string, payload []byte, qos packets.QoS, retain bool) {
	t.Helper()
	if got.Topic != topic || !bytes.Equal(got.Payload, payload) || got.QoS != qos || got.Retain != retain {
		t.Fatalf("got %s, want %s", described(got), described(&client.Message{Topic: topic, Payload: payload, QoS: qos, Retain: retain}))
	}
}

func described(m *client.Message) string {
	return fmt.Sprintf("%s, QoS %d, RETAIN %t, %d bytes, %.20q", m.Topic, m.QoS, m.Retain, len(m.Payload), m.Payload)
}

func publish(t *testing.T, c *client.Client, m client.Message) {
	t.Helper()
	if err := c.Publish(patient(t), m); err != nil {
		t.Fatal(err)
	}
}

func subscribe(t *testing.T, c *client.Client, filter string, qos packets.QoS) inbox {
	t.Helper()
	in := newInbox()
	if err := c.Subscribe(patient(t), filter, qos, in.handle); err != nil {
		t.Fatal(err)
	}
	return in
}
