package broker

import (
	"fmt"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// Over TCP, what is sent arrives in its order and without loss, both ways.
// [MQTT-4.2-1] [MQTT3-7.1.1-1]
func TestV5_4_2_1_Transport(t *testing.T) {
	w := newWorld(t, Config{})
	addr := w.serve()
	for _, v := range versions {
		a, b := w.tcp(addr, v), w.tcp(addr, v)
		for i, p := range []*peer{a, b} {
			p.connect(fmt.Sprint(i))
			p.next()
		}
		b.subscribe("x", 0)
		const n = 500
		go func() {
			for i := range n {
				a.send(message("x", fmt.Sprint(i, kilobyte[:i]), 0))
			}
		}()
		for i := range n {
			if got := string(b.next().(*packets.Publish).Payload); got != fmt.Sprint(i, kilobyte[:i]) {
				t.Fatalf("%d: got %.10s…, %d bytes", i, got, len(got))
			}
		}
	}
}
