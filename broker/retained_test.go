package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// Who can be told that there is no room for a retained message, is, and nobody
// gets it. Others see it passed on. Section 3.3.1.3.
func TestMaximumRetained(t *testing.T) {
	for _, c := range []Config{
		{MaximumRetainedMessages: 1},
		{MaximumRetainedBytes: 384 + 1000},
	} {
		run(t, c, func(w *world) {
			a, old, b := w.join(packets.V5, "a"), w.join(packets.V311, "old"), w.join(packets.V311, "b")
			b.subscribe("#", 0)
			large := strings.Repeat("x", 900)
			send := func(p *peer, topic string, qos packets.QoS, answer string) {
				t.Helper()
				p.send(message(topic, large, qos, retained))
				if qos > 0 {
					p.want(answer)
				}
			}
			got := func(topic string) {
				t.Helper()
				if m := b.next().(*packets.Publish); string(m.Topic) != topic {
					t.Errorf("%q, want %q", m.Topic, topic)
				}
			}
			send(a, "1", 1, puback(1))
			got("1")
			send(a, "2", 1, "PUBACK packet-id=1 reason=0x97")
			send(a, "3", 2, "PUBREC packet-id=1 reason=0x97")
			send(a, "4", 0, "")
			got("4")
			send(old, "5", 1, puback(1))
			got("5")
			send(a, "1", 1, puback(1)) // in the place of what is there
			got("1")
			if n := w.b.retained.Len(); n != 1 {
				t.Errorf("%d are retained", n)
			}
			if n := strings.Count(w.log.String(), "message not retained"); n != 3 { // the 1st, 2nd and 4th
				t.Errorf("%d lines in the log", n)
			}
			a.send(message("1", "", 0, retained))
			send(a, "2", 1, puback(1))
		})
	}
}

// What is too large to take the place of a retained message does not leave it
// there, unless its sender knows. [MQTT3-3.3.1-7]
func TestRetainedMessageIsOutOfDate(t *testing.T) {
	run(t, Config{MaximumRetainedBytes: 2000}, func(w *world) {
		a := w.join(packets.V5, "a")
		for qos, left := range []int{0, 1} {
			a.send(message("t", "small", 1, retained), message("t", kilobyte+kilobyte, packets.QoS(qos), retained))
			a.want("PUBACK packet-id=1 reason=0x10")
			if qos > 0 {
				a.want("PUBACK packet-id=1 reason=0x97")
			}
			w.settle()
			if n := w.b.retained.Len(); n != left {
				t.Errorf("QoS %d: %d are retained", qos, n)
			}
		}
	})
}

// A receiver that does not read holds few of the retained messages it has asked
// for, and gets them all when it reads.
func TestRetainedMessagesArePaced(t *testing.T) {
	run(t, Config{MaximumQueuedBytes: 1000, WriteTimeout: time.Hour}, func(w *world) {
		a, slow := w.join(packets.V311, "a"), w.join(packets.V311, "slow")
		const n = 300
		for i := range n {
			a.send(message(fmt.Sprintf("a/%03d", i), kilobyte, 0, retained))
		}
		w.settle()
		slow.subscribe("a/#", 1)
		w.settle()
		if waiting, _ := backlog(w, "slow"); waiting > 70 {
			t.Errorf("%d messages are held", waiting)
		}
		a.send(message("a/150", "", 0, retained))
		a.send(message("a/299", "new", 0, retained)) // the subscription brings it
		w.settle()
		for i := range n {
			if i == 150 || i == 299 {
				continue
			}
			if m := slow.next().(*packets.Publish); string(m.Topic) != fmt.Sprintf("a/%03d", i) || !m.Retain {
				t.Fatalf("%d: %s", i, m.Topic)
			}
		}
		slow.want(`PUBLISH topic=a/150 payload=""`)
		if m := slow.next().(*packets.Publish); string(m.Payload) != "new" || m.Retain {
			t.Errorf("then %s", m)
		}
	})
}

// A stalled receiver with more filters than it may have, one after the other.
func TestReplaysAreBounded(t *testing.T) {
	run(t, Config{MaximumSubscriptions: 10, WriteTimeout: time.Hour}, func(w *world) {
		a := w.join(packets.V5, "a", func(c *packets.Connect) { c.Props.SetReceiveMaximum(1) })
		a.send(message("x", "1", 1, retained), message("y", "2", 1, retained, numbered(2)))
		a.next()
		a.next()
		a.subscribe("+", 1)
		a.next() // which is not acknowledged
		for i := range 1000 {
			f := fmt.Sprintf("+/%d", i)
			a.subscribe(f, 1)
			a.send(&packets.Unsubscribe{PacketID: 2, Filters: [][]byte{[]byte(f)}})
			a.next()
		}
		if n, _ := backlog(w, "a"); n > 150 {
			t.Errorf("%d wait", n)
		}
	})
}
