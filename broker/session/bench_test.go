package session

import (
	"fmt"
	"testing"

	"github.com/fletchmq/fletch/bench/cputime"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// BenchmarkOutbox is the way of a batch through an Outbox, with the packets that are
// sent for it, and the acknowledgements of the peer.
func BenchmarkOutbox(b *testing.B) {
	for qos := range packets.QoS(3) {
		for _, batch := range []int{1, 32} {
			b.Run(fmt.Sprintf("qos=%d/batch=%d", qos, batch), func(b *testing.B) {
				o, l := open(1<<20, 100)
				m := text("bench/topic/1", string(make([]byte, 256)), qos)
				defer m.Release()
				var turn Turn
				var sent Batch
				var encoder Encoder
				var buf []byte
				cputime.Report(b)
				for b.Loop() {
					for range batch {
						o.Push(m, Terms{QoS: qos}, &turn)
					}
					turn.Flush()
					l.Take(&sent)
					buf = buf[:0]
					for i := range sent.Messages {
						buf, _ = encoder.Append(buf, l, &sent.Messages[i])
						acknowledge(o, &sent.Messages[i], &turn)
						sent.Messages[i].Message.Release()
					}
					if n := len(sent.Messages); n != batch {
						b.Fatalf("%d messages of %d", n, batch)
					}
					if l.Take(&sent) != Idle {
						b.Fatal("there is more to send")
					}
				}
			})
		}
	}
}

// acknowledge does what the peer's packets do.
func acknowledge(o *Outbox, d *Delivery, t *Turn) {
	id := flow.OutID(d.PacketID)
	switch d.QoS {
	case packets.AtLeastOnce:
		o.Puback(id, t)
	case packets.ExactlyOnce:
		o.Pubrec(id, packets.Success, t)
		o.Pubcomp(id, t)
	}
}

// BenchmarkHead is what is encoded for each receiver of a message.
func BenchmarkHead(b *testing.B) {
	for _, c := range []struct {
		coordinates string
		peer        Peer
		terms       Terms
	}{
		{"version=3.1.1/qos=0", Peer{Version: packets.V311}, Terms{}},
		{"version=3.1.1/qos=1", Peer{Version: packets.V311}, Terms{QoS: 1}},
		{"version=5/qos=0", Peer{Version: packets.V5}, Terms{}},
		{"version=5/qos=1/identifiers=1", Peer{Version: packets.V5}, Terms{QoS: 1, Identifiers: []uint32{7}}},
		{"version=5/qos=0/alias=known", Peer{Version: packets.V5, TopicAliasMaximum: 16}, Terms{}},
	} {
		b.Run(c.coordinates, func(b *testing.B) {
			l := NewOutbox(NewBudget(Limits{})).Attach(c.peer, &packets.Connack{}, nobody{}, new(Turn))
			m := text("bench/topic/1", string(make([]byte, 256)), c.terms.QoS)
			defer m.Release()
			d := Delivery{Message: m, PacketID: 7, Terms: c.terms}
			var encoder Encoder
			buf, _ := encoder.Append(nil, l, &d)
			cputime.Report(b)
			for b.Loop() {
				buf, _ = encoder.Append(buf[:0], l, &d)
			}
		})
	}
}
