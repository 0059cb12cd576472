package broker

import (
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

var kilobyte = strings.Repeat("x", 1000)

// A receiver that does not read loses messages at QoS 0, and nobody waits.
func TestSlowReceiverLosesQoS0(t *testing.T) {
	run(t, Config{MaximumQueuedBytes: 100_000, WriteTimeout: time.Hour}, func(w *world) {
		a, slow, quick := w.join(packets.V311, "a"), w.join(packets.V311, "slow"), w.join(packets.V311, "quick")
		slow.subscribe("x", 0)
		quick.subscribe("x", 0)
		const n = 1000
		for range n {
			a.send(message("x", kilobyte, 0))
			quick.next()
		}
		if _, bytes := backlog(w, "slow"); bytes > 100_000 {
			t.Errorf("%d bytes wait", bytes)
		}
		a.send(&packets.Pingreq{})
		a.want("PINGRESP")
		got := 0
		for ; ; got++ {
			if _, err := slow.read(time.Second); err != nil {
				break
			}
		}
		if got < 80 || got > 300 {
			t.Errorf("%d messages came", got)
		}
		lines := strings.Count(w.log.String(), "message dropped")
		if lines < 9 || lines > 10 || !strings.Contains(w.log.String(), "dropped=512") {
			t.Errorf("%d lines for %d dropped:\n%s", lines, n-got, w.log)
		}
		a.send(message("x", "again", 0))
		slow.want(`PUBLISH topic=x payload="again"`)
	})
}

func backlog(w *world, id string) (messages, bytes int) {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	f := w.b.clients[id].out.Figures()
	return f.Messages, f.Bytes
}

// A message at QoS 1 is not lost in silence: the connection that has no room for
// it ends, and its client is told.
func TestSlowReceiverIsDisconnected(t *testing.T) {
	for _, v := range versions {
		run(t, Config{MaximumQueuedBytes: 10_000, WriteTimeout: time.Hour}, func(w *world) {
			a := w.join(packets.V311, "a")
			slow := w.join(v, "slow", will("will", "gone"))
			a.subscribe("will", 0)
			slow.subscribe("x", 1)
			for range 200 {
				a.send(message("x", kilobyte, 1))
				if p := a.next(); p.Type() == packets.TypePublish {
					a.next() // the will has come before this PUBACK
					break
				}
			}
			var last packets.Packet
			for {
				p, err := slow.read(time.Second)
				if err != nil {
					break
				}
				last = p
			}
			if d, ok := last.(*packets.Disconnect); v == packets.V5 && (!ok || d.Reason != packets.QuotaExceeded) {
				t.Errorf("the last was %s", last)
			}
			w.settle()
			if _, there := w.b.clients["slow"]; there {
				t.Error("still connected")
			}
		})
	}
}

// One message has room always.
func TestQueueTakesOneMessage(t *testing.T) {
	run(t, Config{MaximumQueuedBytes: 1}, func(w *world) {
		a, b := w.join(packets.V311, "a"), w.join(packets.V311, "b")
		b.subscribe("x", 1)
		a.send(message("x", kilobyte, 1))
		a.next()
		b.next()
	})
}

func TestWriteTimeout(t *testing.T) {
	run(t, Config{WriteTimeout: 5 * time.Second}, func(w *world) {
		a := w.join(packets.V311, "a")
		dead := w.join(packets.V311, "dead", will("will", "timeout"))
		a.subscribe("will", 0)
		dead.subscribe("x", 1)
		begin := time.Now()
		a.send(message("x", kilobyte+kilobyte, 1))
		a.want("PUBACK packet-id=1", `PUBLISH topic=will payload="timeout"`)
		if d := time.Since(begin); d != 5*time.Second {
			t.Errorf("after %s", d)
		}
	})
}

// Who asks and does not read the answers is not read from in the end, and can go
// on when it does.
func TestAnswersAreNeverDropped(t *testing.T) {
	run(t, Config{WriteTimeout: time.Hour}, func(w *world) {
		a := w.join(packets.V311, "a")
		const n = 40_000
		sent := 0
		ping := (&packets.Pingreq{}).AppendTo(nil, a.v)
		for ; sent < n; sent++ {
			a.nc.SetWriteDeadline(time.Now().Add(time.Second))
			if k, err := a.nc.Write(ping); k == 0 && err != nil {
				break
			}
		}
		if sent == n {
			t.Error("the broker reads on and on")
		}
		for range sent {
			a.want("PINGRESP")
		}
		a.send(&packets.Pingreq{})
		a.want("PINGRESP")
	})
}
