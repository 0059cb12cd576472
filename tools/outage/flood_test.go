package outage

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

const (
	flood   = 64 << 20 // bytes, more than sockets take
	room    = 16 << 20 // for what the broker takes of it beside MaximumUnstored
	payload = 16 << 10
)

// Whoever cannot be told that his messages are not stored is not read, and who can be
// told is. In either case nothing piles up in memory.
func TestFloodInAnOutage(t *testing.T) {
	w := begin(t, both[0], newBadDisk())
	defer w.end(patience)
	defer w.leave()
	w.connect(packets.V5, "absent", true, packets.Success).subscribe("kept", 1, packets.GrantedQoS1)
	told := w.connect(packets.V5, "told", false, packets.Success)
	text := strings.Repeat("x", payload)
	floods := map[*peer]*packets.Publish{
		w.connect(packets.V311, "qos 1", false, packets.Success):     message("kept", text, 1, 1),
		w.connect(packets.V31, "qos 2", false, packets.Success):      message("kept", text, 2, 1),
		w.connect(packets.V311, "retain", false, packets.Success):    retained("a", text, 0, 0),
		w.connect(packets.V5, "retain of 5", true, packets.Success):  retained("b", text, 0, 0),
		w.connect(packets.V311, "stored too", true, packets.Success): message("kept", text, 1, 1),
	}
	w.disk.fault.Store(&faults[0])
	w.connect(packets.V311, "first", false, packets.Success).send(message("kept", "first", 1, 1))
	w.log.await(t, `msg="the store cannot write"`, 1)

	before := heap()
	for range flood / payload {
		told.publish(message("kept", text, 1, 1), packets.QuotaExceeded)
	}
	var all sync.WaitGroup
	for p, m := range floods {
		all.Go(func() {
			if n := p.pour(m); n >= flood {
				t.Errorf("%v: all is read", m)
			}
		})
	}
	all.Wait()
	if after := heap(); after > before+room {
		t.Errorf("%d bytes of memory are %d behind the flood", before, after)
	}
	w.disk.fault.Store(nil)
	w.log.await(t, `msg="the store writes again"`, 1)
	told.publish(message("kept", text, 1, 1), packets.Success)
}

// pour publishes m again and again until nobody reads it, and gives how many bytes
// that were.
func (p *peer) pour(m *packets.Publish) (n int) {
	p.nc.SetWriteDeadline(time.Now().Add(20 * moment))
	for id := uint16(1); n < flood; id++ {
		if m.PacketID > 0 {
			m.PacketID = id
		}
		wrote, err := p.nc.Write(m.AppendTo(nil, p.v))
		n += wrote
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return n
		}
		if err != nil {
			p.Errorf("%v", err)
			return n
		}
	}
	return n
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
