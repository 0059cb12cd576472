package broker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
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

// Clients come, subscribe, publish, and go in all the ways there are, over each
// other. In the end nothing is left.
func TestChurn(t *testing.T) {
	w := newWorld(t, Config{MaximumQueuedBytes: 20_000})
	addr := w.serve()
	var wg sync.WaitGroup
	for g := range uint64(8) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(g, 3))
			for range 30 {
				w.visit(addr, random)
			}
		})
	}
	wg.Wait()
	if err := w.b.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if n := w.b.subscriptions.Len(); n != 0 || len(w.b.clients) != 0 || len(w.b.conns) != 0 {
		t.Errorf("left: %d subscriptions, %d clients, %d connections", n, len(w.b.clients), len(w.b.conns))
	}
	if strings.Contains(w.log.String(), "panic") {
		t.Error(w.log)
	}
}

// visit is a short life. Errors are a part of it.
func (w *world) visit(addr string, random *rand.Rand) {
	var nc net.Conn
	var err error
	if random.IntN(2) == 0 {
		nc, err = net.Dial("tcp", addr)
	} else {
		nc, err = w.b.Dial(context.Background())
	}
	if err != nil {
		w.Error(err)
		return
	}
	defer nc.Close()
	v := versions[random.IntN(3)]
	p := w.over(nc, v)
	reading := make(chan struct{})
	all := random.IntN(4) > 0
	go func() {
		defer close(reading)
		p.acknowledge(all)
	}()
	c := &packets.Connect{ClientID: fmt.Appendf(nil, "c%d", random.IntN(6)), CleanStart: true}
	will("will/x", "gone")(c)
	if random.IntN(2) == 0 {
		keeping(1 + random.Uint32N(2))(c)
		c.Will.Props.SetWillDelayInterval(random.Uint32N(2))
	}
	b := c.AppendTo(nil, v)
	b = (&packets.Subscribe{PacketID: 9, Filters: []packets.Subscription{
		{Filter: []byte("#"), QoS: packets.QoS(random.IntN(3))}, {Filter: []byte("x/+"), QoS: 1},
	}}).AppendTo(b, v)
	for id := range uint16(20) {
		m := message(fmt.Sprintf("x/%d", random.IntN(4)), kilobyte, packets.QoS(random.IntN(3)))
		m.Retain = random.IntN(3) == 0
		if m.QoS > 0 {
			m.PacketID = id + 1
		}
		b = m.AppendTo(b, v)
	}
	b = (&packets.Unsubscribe{PacketID: 10, Filters: [][]byte{[]byte("x/+")}}).AppendTo(b, v)
	if random.IntN(2) == 0 {
		b = (&packets.Disconnect{}).AppendTo(b, v)
	}
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	nc.Write(b[:random.IntN(len(b)+1)])
	if random.IntN(3) == 0 {
		time.Sleep(time.Millisecond)
	}
	nc.Close()
	<-reading
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
