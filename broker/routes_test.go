package broker

import (
	"fmt"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// To whom a topic name goes is remembered, and counts no more as soon as a subscription
// has come, gone or changed.
func TestRoutesFollowSubscriptions(t *testing.T) {
	for qos := range packets.QoS(2) {
		run(t, Config{SysInterval: -1}, func(w *world) {
			a, b, c := w.join(packets.V311, "a"), w.join(packets.V5, "b"), w.join(packets.V5, "c")
			n := 0
			publish := func(receivers ...*peer) {
				t.Helper()
				for range 2 { // the second time it is remembered
					n++
					a.send(message("x/y", fmt.Sprint(n), qos))
					if qos > 0 {
						a.want("PUBACK packet-id=1")
					}
					for _, p := range receivers {
						m, ok := p.next().(*packets.Publish)
						if !ok || string(m.Payload) != fmt.Sprint(n) {
							t.Fatalf("got %s, want %d", m, n)
						}
						if m.QoS > 0 {
							p.send(&packets.Puback{PacketID: m.PacketID})
						}
					}
				}
				w.settle()
			}
			publish()
			b.subscribe("x/+", qos)
			publish(b)
			c.subscribe("x/y", qos)
			publish(b, c)
			b.send(&packets.Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte("x/+")}})
			b.want("UNSUBACK packet-id=1 reason=0x00")
			publish(c)
			b.subscribe("$share/g/#", qos)
			publish(c, b)
			c.send(&packets.Disconnect{})
			c.closed()
			w.settle()
			publish(b)
			b.quiet()
		})
	}
}
