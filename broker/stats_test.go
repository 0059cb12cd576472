package broker

import (
	"testing"

	"github.com/fletchmq/fletch/packets"
)

func TestStats(t *testing.T) {
	run(t, Config{MaximumQueuedMessages: 1}, func(w *world) {
		a, b, c := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(60)), w.join(packets.V5, "c")
		b.subscribe("x", 1)
		b.subscribe("$share/g/x", 0)
		b.subscribe("$share/h/x", 0)
		c.subscribe("$share/h/x", 0)
		b.lose()
		a.passes(message("x", "1", 1, retained))
		c.want(`PUBLISH topic=x payload="1"`)
		a.passes(message("x", "2", 1), message("x", "3", 1))
		c.want(`PUBLISH topic=x payload="2"`)
		c.want(`PUBLISH topic=x payload="3"`)
		if s, want := w.b.Stats(), (Stats{Connections: 2, Sessions: 3, Subscriptions: 4, Retained: 1, Dropped: 2}); s != want {
			t.Errorf("%+v, want %+v", s, want)
		}
	})
}
