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

// All memory for what waits is bounded, the log names the key, and those who read
// go on.
func TestMaximumQueuedTotal(t *testing.T) {
	runInMemory(t, Config{MaximumQueuedTotal: 100_000}, func(w *world) {
		a := w.join(packets.V5, "a")
		for _, id := range []string{"1", "2", "3"} { // each message is in memory once
			absent := w.join(packets.V5, id, keeping(forever))
			absent.subscribe("x", 1)
			absent.lose()
		}
		for range 200 {
			a.passes(message("x", kilobyte, 1))
		}
		w.settle()
		if s := w.b.Stats(); s.QueuedMemory < 95_000 || s.QueuedMemory > 115_000 || s.Drops.MemoryFull < 3*100 || s.Drops.QueueFull > 0 {
			t.Errorf("%+v", s)
		}
		if !strings.Contains(w.log.String(), "limit=MaximumQueuedTotal client=2 qos=1 dropped=64") {
			t.Errorf("the log does not say so:\n%s", w.log)
		}
		quick := w.join(packets.V5, "quick")
		quick.subscribe("x", 1)
		for range 20 {
			a.passes(message("x", kilobyte, 1))
			quick.send(&packets.Puback{PacketID: quick.next().(*packets.Publish).PacketID})
			w.settle()
		}
	})
}

// Who is there when all memory is taken is told that something is missing.
func TestMaximumQueuedTotalDisconnects(t *testing.T) {
	run(t, Config{MaximumQueuedTotal: 10_000}, func(w *world) {
		a, slow := w.join(packets.V5, "a"), w.join(packets.V5, "slow", oneInFlight)
		slow.subscribe("x", 1)
		a.passes(message("x", kilobyte, 1))
		slow.next() // what is not sent when the connection ends would stay in the session
		for range 11 {
			a.passes(message("x", kilobyte, 1))
		}
		slow.ended(packets.QuotaExceeded)
		w.settle()
		if !strings.Contains(w.log.String(), `error="MaximumQueuedTotal: `) {
			t.Errorf("the log does not say so:\n%s", w.log)
		}
	})
}

// What a client has been sent and not acknowledged is bounded by its Receive
// Maximum and by that of the broker. [MQTT-3.3.4-9]
func TestMaximumInFlight(t *testing.T) {
	for _, v := range versions {
		run(t, Config{MaximumInFlight: 3}, func(w *world) {
			a, slow := w.join(packets.V5, "a"), w.join(v, "slow")
			slow.subscribe("x", 1)
			for range 5 {
				a.passes(message("x", "", 1))
			}
			for range 3 {
				slow.next()
			}
			slow.quiet()
			slow.send(&packets.Puback{PacketID: 2})
			slow.next()
			slow.quiet()
		})
	}
}

// The subscriptions of all clients are bounded, and those that have gone count no
// more.
func TestMaximumSubscriptionsTotal(t *testing.T) {
	run(t, Config{MaximumSubscriptionsTotal: 3}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b")
		a.subscribe("1", 0)
		a.subscribe("$share/g/2", 0)
		b.subscribe("3", 0)
		b.subscribe("3", 0) // is there already
		b.send(&packets.Subscribe{PacketID: 7, Filters: []packets.Subscription{{Filter: []byte("4")}}})
		b.want("SUBACK packet-id=7 reason=0x97")
		if !strings.Contains(w.log.String(), "limit=MaximumSubscriptionsTotal client=b") {
			t.Errorf("the log does not say so:\n%s", w.log)
		}
		a.send(&packets.Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte("1")}})
		a.next()
		b.subscribe("4", 0)
		a.lose()
		b.subscribe("5", 0)
	})
}

// waiting is a listener for connections that are there already.
type waiting struct {
	conns  chan net.Conn
	closed context.Context
	close  context.CancelFunc
}

func (l *waiting) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.closed.Done():
		return nil, net.ErrClosed
	}
}
func (l *waiting) Close() error   { l.close(); return nil }
func (l *waiting) Addr() net.Addr { return pipeAddr{} }

// Connections beyond ConnectRate wait until it is their turn, in their order.
func TestConnectRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{ConnectRate: 10})
		q := &waiting{conns: make(chan net.Conn, 100)}
		q.closed, q.close = context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- w.b.Serve(context.Background(), q) }()
		var far []net.Conn
		for range 35 {
			near, other := net.Pipe()
			far = append(far, near)
			q.conns <- other
		}
		for seconds, want := range []int{10, 20, 30, 35} {
			synctest.Wait()
			if n := w.b.Stats().Connections; n != want {
				t.Errorf("%d connections after %d s, want %d", n, seconds, want)
			}
			time.Sleep(time.Second)
		}
		if n := strings.Count(w.log.String(), "limit=ConnectRate"); n != 5 { // 1, 2, 4, 8, 16
			t.Errorf("logged %d times:\n%s", n, w.log)
		}
		last := w.over(far[34], packets.V5)
		last.connect("last")
		last.next()
		for _, nc := range far {
			nc.Close()
		}
		w.b.Shutdown(context.Background())
		if err := <-served; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}
