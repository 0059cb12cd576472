package broker

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// BenchmarkDelivery is the way of a batch of messages from the packets of the
// publisher to those of all receivers, with all acknowledgements.
func BenchmarkDelivery(b *testing.B) {
	for qos := range packets.QoS(3) {
		for _, c := range []struct{ receivers, batch int }{{1, 1}, {1, 32}, {100, 1}, {100, 8}} {
			b.Run(fmt.Sprintf("qos=%d/receivers=%d/batch=%d", qos, c.receivers, c.batch), func(b *testing.B) {
				deliver(b, qos, c.receivers, c.batch)
			})
		}
	}
}

func deliver(b *testing.B, qos packets.QoS, receivers, batch int) {
	broker, lab := newLab(b)
	var all []*plug
	for i := range receivers {
		all = append(all, lab.join(b, broker, "receiver-"+strconv.Itoa(i), "bench/topic/1", qos))
	}
	publisher := lab.join(b, broker, "publisher", "", 0)
	var said []byte
	for i := range batch {
		m := packets.Publish{QoS: qos, PacketID: uint16(i + 1), Topic: []byte("bench/topic/1"), Payload: make([]byte, 256)}
		said = m.AppendTo(said, packets.V311)
	}
	sent := 0
	lab.measure(b, func() {
		publisher.say(said)
		sent += batch
	})
	if qos > 0 && publisher.done != sent {
		b.Errorf("%d messages of %d are acknowledged", publisher.done, sent)
	}
	for _, r := range all {
		if r.messages != sent {
			b.Fatalf("%d messages of %d are delivered", r.messages, sent)
		}
	}
}
