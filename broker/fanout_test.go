//go:build !race

package broker

import (
	"strconv"
	"testing"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// The way of a message at QoS 0 to all who receive it, without sockets.
func BenchmarkFanout(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run("receivers="+strconv.Itoa(n), func(b *testing.B) {
			broker, err := New(Config{})
			if err != nil {
				b.Fatal(err)
			}
			all := make([]*receiver, n)
			for i := range all {
				all[i] = receive(broker, uint64(i+1), session.Peer{Version: packets.V5}, topics.Options{})
			}
			packet := message("a/b/c", kilobyte[:100], 0).AppendTo(nil, packets.V5)
			c := &conn{b: broker, clientID: "publisher", turn: new(turn)}
			b.ReportAllocs()
			for b.Loop() {
				m, err := session.Decode(frame.Copy(packet[2:]), packet[0], packets.V5)
				if err != nil {
					b.Fatal(err)
				}
				c.publish(m)
				m.Release()
				c.turn.Flush()
				for _, r := range all {
					r.take(c)
				}
			}
		})
	}
}
