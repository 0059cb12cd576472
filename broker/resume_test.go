package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// A session waits for its client, with what is at QoS 1 and 2, in its order.
// [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.2-23] [MQTT-3.2.2-3] [MQTT-3.2.0-1]
// [MQTT3-3.1.2-4] [MQTT3-3.1.2-5] [MQTT3-3.2.2-2] [MQTT3-3.2.2-3] [MQTT3-3.2.0-1]
func TestV5_3_1_2_5_Resume(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a, b := w.join(packets.V5, "a"), w.join(v, "b", keeping(60))
			b.subscribe("x", 2)
			b.lose()
			a.send(message("x", "zero", 0))
			for i := range 5 {
				a.passes(message("x", fmt.Sprint(i), 1+packets.QoS(i%2)))
			}
			b = w.resume(v, "b")
			for i := range 5 {
				b.want(fmt.Sprintf(`PUBLISH qos=%d topic=x packet-id=%d payload="%d"`, 1+i%2, i+1, i))
			}
			b.quiet()
		})
	}
}

// What is not acknowledged is sent again when the client comes back, and only
// then, with DUP and its identifier, in its order, and PUBREL before it.
// [MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-3.3.1-1] [MQTT3-4.4.0-1] [MQTT3-4.6.0-1]
// [MQTT-4.3.2-3] [MQTT-4.3.3-3] [MQTT-4.3.3-5]
func TestV5_4_4_0_1_Redelivery(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a, b := w.join(packets.V5, "a"), w.join(v, "b", keeping(60))
			b.subscribe("x", 2)
			for i := range packets.QoS(6) {
				a.passes(message("x", fmt.Sprint(i), 1+i%2))
				b.next()
			}
			b.send(&packets.Puback{PacketID: 3}, &packets.Pubrec{PacketID: 4})
			b.want("PUBREL packet-id=4")
			b.quiet() // for as long as the connection lasts
			for range 2 {
				b.lose()
				b = w.resume(v, "b")
				b.want("PUBREL packet-id=4",
					`PUBLISH dup qos=1 topic=x packet-id=1 payload="0"`,
					`PUBLISH dup qos=2 topic=x packet-id=2 payload="1"`,
					`PUBLISH dup qos=1 topic=x packet-id=5 payload="4"`,
					`PUBLISH dup qos=2 topic=x packet-id=6 payload="5"`)
				b.quiet()
			}
			b.send(&packets.Pubcomp{PacketID: 4}, &packets.Puback{PacketID: 1}, &packets.Pubrec{PacketID: 2},
				&packets.Puback{PacketID: 5}, &packets.Pubrec{PacketID: 6})
			b.want("PUBREL packet-id=2", "PUBREL packet-id=6")
			b.send(&packets.Pubcomp{PacketID: 2}, &packets.Pubcomp{PacketID: 6})
			b.lose()
			w.resume(v, "b").quiet()
		})
	}
}

// The send quota is that of the new connection: what the old one has used up
// does not stall the queue, and what is sent again counts. [MQTT-4.9.0-1]
func TestV5_4_9_0_1_QuotaIsFresh(t *testing.T) {
	run(t, Config{}, func(w *world) {
		quota := func(n uint16) func(*packets.Connect) {
			return func(c *packets.Connect) { c.Props.SetReceiveMaximum(n) }
		}
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(60), quota(3))
		b.subscribe("x", 1)
		for i := range 6 {
			a.passes(message("x", fmt.Sprint(i), 1))
		}
		for range 3 {
			b.next()
		}
		b.quiet()
		b.lose()
		b = w.resume(packets.V5, "b", quota(2))
		b.want(`PUBLISH dup qos=1 topic=x packet-id=1 payload="0"`, `PUBLISH dup qos=1 topic=x packet-id=2 payload="1"`)
		b.quiet()
		for i := range uint16(6) {
			b.send(&packets.Puback{PacketID: i + 1})
			switch i {
			case 0:
				b.want(`PUBLISH dup qos=1 topic=x packet-id=3 payload="2"`)
			case 1, 2, 3:
				b.want(fmt.Sprintf(`PUBLISH qos=1 topic=x packet-id=%d payload="%d"`, i+3, i+2))
			}
		}
		b.quiet()
	})
}

// A QoS 2 message of the client is delivered once, whatever becomes of its
// connections. [MQTT-4.3.3-10] [MQTT3-4.3.3-2]
func TestV5_4_3_3_10_DuplicateAfterResume(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a, b := w.join(v, "a", keeping(60)), w.join(packets.V5, "b")
			b.subscribe("x", 0)
			again := func(m *packets.Publish) { m.Dup = true }
			a.send(message("x", "once", 2, numbered(7)))
			a.want("PUBREC packet-id=7")
			a.lose()
			a = w.resume(v, "a")
			a.send(message("x", "once", 2, numbered(7), again))
			a.want("PUBREC packet-id=7")
			a.lose()
			a = w.resume(v, "a")
			unknown := ""
			if v == packets.V5 {
				unknown = " reason=0x92"
			}
			a.send(&packets.Pubrel{PacketID: 7}, &packets.Pubrel{PacketID: 7}, &packets.Pubrel{PacketID: 8})
			a.want("PUBCOMP packet-id=7", "PUBCOMP packet-id=7"+unknown, "PUBCOMP packet-id=8"+unknown)
			b.want(`PUBLISH topic=x payload="once"`)
			b.quiet()
			a.send(message("x", "another", 2, numbered(7)))
			b.want(`PUBLISH topic=x payload="another"`)
		})
	}
}

// A message that waits gets older. One whose delivery has begun does not expire:
// the exchange is carried to its end. [MQTT-3.3.2-5] [MQTT-3.3.2-6] [MQTT-4.3.3-7]
// [MQTT-4.3.3-13]
func TestV5_3_3_2_5_ExpiryWhileAbsent(t *testing.T) {
	runInMemory(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(60))
		b.subscribe("x", 2)
		a.passes(message("x", "received", 2, lasting(5)), message("x", "sent", 2, lasting(5)))
		b.next()
		b.next()
		b.send(&packets.Pubrec{PacketID: 1})
		b.want("PUBREL packet-id=1")
		b.lose()
		a.passes(message("x", "short", 1, lasting(9)), message("x", "long", 1, lasting(20)))
		time.Sleep(10 * time.Second)
		b = w.resume(packets.V5, "b")
		b.want("PUBREL packet-id=1",
			`PUBLISH dup qos=2 topic=x packet-id=2 message-expiry-interval=0 payload="sent"`,
			`PUBLISH qos=1 topic=x packet-id=3 message-expiry-interval=10 payload="long"`)
	})
}

// A message that is too large for the new connection is as good as sent.
// [MQTT-3.1.2-25]
func TestV5_3_1_2_25_SmallerMaximumPacketSize(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(60))
		b.subscribe("x", 2)
		a.passes(message("x", kilobyte, 1), message("x", kilobyte, 2), message("x", "small", 1))
		b.next()
		b.next()
		b.next()
		b.lose()
		b = w.resume(packets.V5, "b", func(c *packets.Connect) { c.Props.SetMaximumPacketSize(100) })
		b.want("PUBREL packet-id=2", `PUBLISH dup qos=1 topic=x packet-id=3 payload="small"`)
		b.send(&packets.Pubcomp{PacketID: 2, Reason: packets.PacketIdentifierNotFound})
		b.quiet()
	})
}

// What has no room while the client is absent is dropped, the newest first,
// counted and logged.
func TestAbsentQueueIsBounded(t *testing.T) {
	for _, config := range []Config{{MaximumQueuedMessages: 3}, {MaximumQueuedBytes: 3500}} {
		run(t, config, func(w *world) {
			a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(60))
			b.subscribe("x", 1)
			b.lose()
			for i := range 10 {
				a.passes(message("x", fmt.Sprint(i, kilobyte), 1))
			}
			b = w.resume(packets.V5, "b")
			for i := range 3 {
				if p := b.next().(*packets.Publish); !strings.HasPrefix(string(p.Payload), fmt.Sprint(i)) {
					t.Errorf("%d: %.10s", i, p.Payload)
				}
				b.send(&packets.Puback{PacketID: uint16(i + 1)})
			}
			b.quiet()
			if n := strings.Count(w.log.String(), "message dropped"); n != 3 || !strings.Contains(w.log.String(), "dropped=4") {
				t.Errorf("log:\n%s", w.log)
			}
		})
	}
}

// What the client does not acknowledge is bounded, too.
func TestBytesInFlightAreBounded(t *testing.T) {
	run(t, Config{MaximumQueuedBytes: 3500}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b")
		b.subscribe("x", 1)
		for i := range 5 {
			a.passes(message("x", kilobyte, 1))
			if i < 3 {
				b.next()
			}
		}
		b.quiet()
		b.send(&packets.Puback{PacketID: 2})
		b.next()
		b.quiet()
		b.send(&packets.Puback{PacketID: 1})
		b.next()
	})
}
