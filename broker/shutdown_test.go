package broker

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/packets"
)

func TestShutdown(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, old := w.join(packets.V5, "a", will("will/a", "x")), w.join(packets.V311, "old")
		half := w.dial(packets.V5)
		a.subscribe("#", 1)
		old.subscribe("#", 1)
		done := make(chan error, 1)
		go func() { done <- w.b.Shutdown(context.Background()) }()
		a.want(`PUBLISH topic=will/a payload="x"`)
		a.ended(packets.ServerShuttingDown)
		old.want(`PUBLISH topic=will/a payload="x"`)
		old.closed()
		half.closed()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := w.b.Dial(context.Background()); !errors.Is(err, ErrClosed) {
			t.Errorf("Dial: %v", err)
		}
		ln, _ := net.Listen("tcp", "127.0.0.1:0")
		if err := w.b.Serve(context.Background(), ln); !errors.Is(err, ErrClosed) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
		if ln.Close() == nil {
			t.Error("the listener was left open")
		}
	})
}

// Who does not read keeps nobody from going.
func TestShutdownIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		w := newWorld(t, Config{ConnectTimeout: time.Hour, Authenticate: func(_ context.Context, l *Login) error {
			if l.ClientID == "hang" {
				<-hang
			}
			return nil
		}})
		w.join(packets.V5, "deaf")
		w.dial(packets.V5).connect("hang")
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		begin := time.Now()
		if err := w.b.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown: %v", err)
		}
		if d := time.Since(begin); d != 500*time.Millisecond {
			t.Errorf("Shutdown took %s", d)
		}
		close(hang)
	})
}

func TestServeEndsWithContext(t *testing.T) {
	w := newWorld(t, Config{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.b.Serve(ctx, ln) }()
	p := w.tcp(ln.Addr().String(), packets.V5)
	p.connect("a")
	p.next()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	p.send(&packets.Pingreq{}) // the connection lives on
	p.want("PINGRESP")
	go w.b.Shutdown(context.Background())
	p.ended(packets.ServerShuttingDown)
}

// failing is a listener that fails for a while.
type failing struct {
	net.Listener
	left int
}

type busy struct{}

func (busy) Error() string   { return "too many open files" }
func (busy) Temporary() bool { return true }

func (l *failing) Accept() (net.Conn, error) {
	if l.left--; l.left >= 0 {
		return nil, busy{}
	}
	return nil, errors.New("gone for good")
}
func (*failing) Close() error   { return nil }
func (*failing) Addr() net.Addr { return &net.UnixAddr{Name: "failing"} }

func TestServeSurvivesTemporaryErrors(t *testing.T) {
	run(t, Config{}, func(w *world) {
		if err := w.b.Serve(context.Background(), &failing{left: 3}); err == nil || err.Error() != "gone for good" {
			t.Errorf("Serve: %v", err)
		}
		if n := strings.Count(w.log.String(), "too many open files"); n != 3 {
			t.Errorf("%d lines", n)
		}
	})
}

// acknowledge reads until the end, and acknowledges or not.
func (p *peer) acknowledge(all bool) {
	for {
		first, body, err := p.in.Next()
		if err != nil {
			return
		}
		x, err := p.dec.Decode(first, body, p.v)
		if err != nil {
			p.Error(err)
			return
		}
		var answer packets.Packet
		switch m := x.(type) {
		case *packets.Publish:
			if m.QoS == 1 {
				answer = &packets.Puback{PacketID: m.PacketID}
			} else if m.QoS == 2 {
				answer = &packets.Pubrec{PacketID: m.PacketID}
			}
		case *packets.Pubrel:
			answer = &packets.Pubcomp{PacketID: m.PacketID}
		}
		if answer != nil && all {
			go p.nc.Write(answer.AppendTo(nil, p.v))
		}
	}
}
