package broker

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// trickle sends n bytes every 100 ms, until the other side has had enough. What
// it gives waits for that.
func (p *peer) trickle(b []byte, n int) (wait func()) {
	var wg sync.WaitGroup
	wg.Go(func() { p.drip(b, n) })
	return wg.Wait
}

func (p *peer) drip(b []byte, n int) {
	p.nc.SetWriteDeadline(time.Time{})
	for len(b) > 0 {
		k, err := p.nc.Write(b[:min(n, len(b))])
		if err != nil {
			return
		}
		b = b[k:]
		time.Sleep(100 * time.Millisecond)
	}
}

// Keep alive is the time from the end of a packet to the start of the next,
// section 3.1.2.10: a packet on a slow line may take longer.
func TestKeepAliveOfALargePacket(t *testing.T) {
	large := strings.Repeat("x", 400_000)
	run(t, Config{}, func(w *world) {
		for _, v := range versions {
			a := w.join(v, "a", func(c *packets.Connect) { c.KeepAlive = 10 })
			wait := a.trickle(message("x", large, 1).AppendTo(nil, v), 2000)
			x, err := a.read(time.Minute)
			if err != nil || x.Type() != packets.TypePuback {
				t.Errorf("%s: %v, %v", v, x, err)
			}
			a.lose()
			wait()
		}
	})
}

// Who sends next to nothing has not the time of a large packet.
func TestKeepAliveIsNotStretched(t *testing.T) {
	large := strings.Repeat("x", 400_000)
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a", func(c *packets.Connect) { c.KeepAlive = 10 })
		begin := time.Now()
		defer a.trickle(message("x", large, 1).AppendTo(nil, a.v), 20)()
		x, err := a.read(time.Minute)
		if d, ok := x.(*packets.Disconnect); !ok || d.Reason != packets.KeepAliveTimeout || time.Since(begin) > 16*time.Second {
			t.Errorf("%v, %v after %s", x, err, time.Since(begin))
		}
		b := w.dial(packets.V5)
		connect := &packets.Connect{CleanStart: true}
		connect.Props.AddUserProperty([]byte("k"), []byte(large[:60_000]))
		begin = time.Now()
		defer b.trickle(connect.AppendTo(nil, b.v), 500)()
		if x, err := b.read(time.Minute); err == nil || time.Since(begin) > 13*time.Second {
			t.Errorf("%v after %s", x, time.Since(begin))
		}
		a.lose()
		b.lose()
	})
}
