package broker

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// Clients that have no room, do not read, reset, or close halfway leave nothing
// behind, not even a file descriptor.
func TestRudeClients(t *testing.T) {
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		ln.Close() // with the first socket come file descriptors of the runtime
	}
	for name, engine := range map[string]Engine{"loops": EventLoops, "goroutines": Goroutines} {
		t.Run(name, func(t *testing.T) {
			before := descriptors(t)
			w := newWorld(t, Config{Engine: engine, MaximumQueuedBytes: 1 << 20, WriteTimeout: time.Second})
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error)
			go func() { served <- w.b.Serve(context.Background(), ln) }()
			c := &crowd{world: w, address: ln.Addr().String(), until: time.Now().Add(*churn / 2)}
			var all sync.WaitGroup
			for range 50 {
				all.Go(func() {
					for !c.over() {
						c.beRude()
					}
				})
			}
			all.Wait()
			begin := time.Now()
			if err := w.b.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
			<-served
			if d := time.Since(begin); d > 3*lingerTime {
				t.Errorf("Shutdown took %s", d)
			}
			if n := w.b.subscriptions.Len() + len(w.b.clients) + len(w.b.conns); n != 0 || w.b.budget.Used() != 0 {
				t.Errorf("%d are left, and %d bytes", n, w.b.budget.Used())
			}
			if after := descriptors(t); after > before {
				t.Errorf("%d file descriptors, %d before", after, before)
			}
			t.Logf("%d connections, %+v", c.visits.Load(), w.b.Stats().Received)
		})
	}
}

func descriptors(t *testing.T) int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(all)
}

func (c *crowd) beRude() {
	w := c.visit("rude"+strconv.Itoa(rand.IntN(40)), versions[rand.IntN(3)])
	if w == nil {
		return
	}
	defer w.nc.Close()
	nc := w.nc.(*net.TCPConn)
	nc.SetReadBuffer(1)
	nc.SetWriteBuffer(1)
	w.send(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("t/#"), QoS: packets.QoS(rand.IntN(3))}}})
	reads := oneIn(2)
	for i := range uint16(rand.IntN(50)) {
		m := message("t/"+strconv.Itoa(rand.IntN(3)), string(make([]byte, rand.IntN(20_000))), packets.QoS(rand.IntN(3)), numbered(i+1))
		m.Retain = oneIn(10)
		nc.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		if _, err := nc.Write(m.AppendTo(nil, w.v)); err != nil {
			break
		}
		if !reads {
			continue
		}
		nc.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		nc.Read(make([]byte, 20_000))
	}
	switch rand.IntN(4) {
	case 0:
		nc.SetLinger(0)
	case 1:
		nc.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // its peer may have no way to say that it is gone
		nc.Write((&packets.Disconnect{}).AppendTo(nil, w.v))
		nc.CloseWrite()
		nc.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		io.Copy(io.Discard, nc)
	}
}
