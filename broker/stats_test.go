package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

func TestStats(t *testing.T) {
	runInMemory(t, Config{MaximumQueuedMessages: 1, MaximumRetainedMessages: 1, MaximumConnections: 3}, func(w *world) {
		a, b, c := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(60)), w.join(packets.V5, "c")
		b.subscribe("x", 1)
		b.subscribe("$share/g/x", 0)
		b.subscribe("$share/h/x", 0)
		c.subscribe("$share/h/x", 0)
		if _, err := w.b.Dial(w.Context()); err == nil {
			t.Error("a fourth connection")
		}
		b.lose()
		for _, payload := range []string{"1", "2", "3"} { // c has room for one
			a.passes(message("x", payload, 1, retained))
			c.want(fmt.Sprintf("PUBLISH topic=x payload=%q", payload))
		}
		c.send(message("y", "no room", 0, retained), message("z", "no room", 0, retained))
		w.settle()
		s := w.b.Stats()
		s.Received, s.Sent = Traffic{}, Traffic{}
		want := Stats{
			Connections: 2, Sessions: 3, Connected: 2, Subscriptions: 4, SharedSubscriptions: 3, Retained: 1, RetainedBytes: 393,
			Since: time.Now(), Accepted: 3, TurnedAway: 1, MostConnected: 3, NotRetained: 2,
			QueuedMemory: 512 + len("\x32\x07\x00\x01x\x00\x00\x00"+"1"), Dropped: 2, Drops: Drops{QueueFull: 2},
		}
		if s != want {
			t.Errorf("%+v, want %+v", s, want)
		}
	})
}
