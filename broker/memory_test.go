package broker

import (
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// A connection that waits does not hold the memory of the largest packets it has
// seen.
func TestIdleConnectionsAreSmall(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a", func(c *packets.Connect) { c.Username, c.HasUsername = []byte("secret"), true })
		c := w.b.clients["a"].conn
		w.settle()
		if c.dec.Connect.Username != nil {
			t.Error("CONNECT is held")
		}
		s, u := &packets.Subscribe{PacketID: 1}, &packets.Unsubscribe{PacketID: 2}
		filter := []byte(strings.Repeat("f", 20))
		for range 100_000 / len(filter) {
			s.Filters = append(s.Filters, packets.Subscription{Filter: filter})
			u.Filters = append(u.Filters, filter)
		}
		a.send(s)
		a.next()
		a.send(u)
		a.next()
		w.settle()
		for what, n := range map[string]int{
			"filters of SUBSCRIBE":   cap(c.dec.Subscribe.Filters),
			"filters of UNSUBSCRIBE": cap(c.dec.Unsubscribe.Filters),
			"reasons of SUBACK":      cap(c.answer.suback.Reasons),
			"reasons of UNSUBACK":    cap(c.answer.unsuback.Reasons),
			"retained messages":      cap(c.replays),
		} {
			if n > 0 {
				t.Errorf("%s: room for %d", what, n)
			}
		}
	})
}
