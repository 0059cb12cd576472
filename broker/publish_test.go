package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

func TestDelivery(t *testing.T) {
	for _, from := range versions {
		for _, to := range versions {
			run(t, Config{}, func(w *world) {
				a, b := w.join(from, "a"), w.join(to, "b")
				b.subscribe("x/#", packets.ExactlyOnce)

				a.send(message("x/0", "zero", 0))
				b.want(`PUBLISH topic=x/0 payload="zero"`) // [MQTT-4.3.1-1] [MQTT3-4.3.1-1]

				a.send(message("x/1", "one", 1, numbered(7), func(m *packets.Publish) { m.Dup = true }))
				a.want(puback(7))
				b.want(`PUBLISH qos=1 topic=x/1 packet-id=1 payload="one"`) // DUP 0 [MQTT-3.3.1-3] [MQTT3-3.3.1-3] [MQTT-4.3.2-2] [MQTT3-4.3.2-1]
				b.send(&packets.Puback{PacketID: 1})

				a.send(message("x/2", "two", 2, numbered(8)))
				a.want("PUBREC packet-id=8")
				a.send(message("x/2", "two", 2, numbered(8), func(m *packets.Publish) { m.Dup = true })) // [MQTT-4.3.3-10]
				a.want("PUBREC packet-id=8")
				a.send(&packets.Pubrel{PacketID: 8})
				a.want("PUBCOMP packet-id=8")                               // [MQTT-3.3.4-1] [MQTT3-3.3.4-1]
				b.want(`PUBLISH qos=2 topic=x/2 packet-id=2 payload="two"`) // DUP 0 [MQTT-4.3.3-2]
				b.send(&packets.Pubrec{PacketID: 2})
				b.want("PUBREL packet-id=2") // [MQTT-4.3.3-4]
				b.send(&packets.Pubcomp{PacketID: 2})
				b.quiet()
			})
		}
	}
}

func puback(id uint16) string {
	return fmt.Sprintf("PUBACK packet-id=%d", id)
}

func TestV5_3_8_4_8_QoSIsTheMinimum(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b")
		for granted := range packets.QoS(3) {
			for sent := range packets.QoS(3) {
				topic := fmt.Sprintf("t/%d/%d", granted, sent)
				b.subscribe(topic, granted)
				a.send(message(topic, "", sent))
				if sent > 0 {
					a.next()
				}
				if sent == 2 {
					a.send(&packets.Pubrel{PacketID: 1})
					a.next()
				}
				if p := b.next().(*packets.Publish); p.QoS != min(granted, sent) {
					t.Errorf("granted %d, sent %d: delivered at %d", granted, sent, p.QoS)
				}
			}
		}
	})
}

// No matching subscribers is said in 5.0, and to nobody else.
func TestNoMatchingSubscribers(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			reason := ""
			if v == packets.V5 {
				reason = " reason=0x10"
			}
			a := w.join(v, "a")
			a.send(message("x", "", 1), message("x", "", 2, numbered(2)))
			a.want("PUBACK packet-id=1"+reason, "PUBREC packet-id=2"+reason)
		})
	}
}

// [MQTT-4.6.0-2] [MQTT-4.6.0-3]
func TestAcknowledgementsInOrder(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V311, "a")
		var all []packets.Packet
		var want []string
		for id := uint16(1); id <= 20; id++ {
			if id%3 == 0 {
				all = append(all, message("x", "", 2, numbered(id)))
				want = append(want, fmt.Sprintf("PUBREC packet-id=%d", id))
				continue
			}
			all = append(all, message("x", "", 1, numbered(id)))
			want = append(want, puback(id))
		}
		go a.send(all...)
		a.want(want...)
	})
}

func TestV5_3_3_4_2_OverlappingSubscriptions(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b")
		for id := range uint16(3) { // whichever is looked up last
			for i, filter := range []string{"x/#", "x/+", "x/y"} {
				b.subscribe(filter, packets.QoS(uint16(i)+id)%3)
			}
			a.send(message("x/y", "once", 2, numbered(id+1)))
			a.next()
			b.want(fmt.Sprintf(`PUBLISH qos=2 topic=x/y packet-id=%d payload="once"`, id+1))
			b.quiet()
		}
	})
}

func TestV5_3_8_3_3_NoLocal(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b")
		a.subscribe("x/#", 0, func(s *packets.Subscription) { s.NoLocal = true })
		a.send(message("x/own", "", 1))
		a.want("PUBACK packet-id=1 reason=0x10")
		b.send(message("x/other", "", 0))
		a.want(`PUBLISH topic=x/other payload=""`)
		a.subscribe("x/own", 0) // another subscription does want it
		a.send(message("x/own", "", 0))
		a.want(`PUBLISH topic=x/own payload=""`)
	})
}

func TestV5_4_7_2_1_DollarTopics(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V311, "a")
		a.subscribe("#", 0)
		a.subscribe("+/x", 0)
		a.send(message("$X/x", "", 0), message("$x", "kept", 0, retained))
		a.quiet()
		a.subscribe("$X/#", 0)
		a.send(message("$X/x", "", 0))
		a.want(`PUBLISH topic=$X/x payload=""`)
		a.subscribe("+", 0)
		a.quiet()
	})
}

func TestV5_3_3_4_9_ReceiveMaximumOfTheClient(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a")
		b := w.join(packets.V5, "b", func(c *packets.Connect) { c.Props.SetReceiveMaximum(2) })
		b.subscribe("x", 2)
		for i := range uint16(4) {
			a.send(message("x", fmt.Sprint(i), 1+packets.QoS(i%2), numbered(i+1)))
			a.next()
		}
		b.want(`PUBLISH qos=1 topic=x packet-id=1 payload="0"`, `PUBLISH qos=2 topic=x packet-id=2 payload="1"`)
		b.quiet()
		b.send(&packets.Pingreq{}) // [MQTT-3.3.4-10]
		b.want("PINGRESP")
		b.send(&packets.Puback{PacketID: 1})
		b.want(`PUBLISH qos=1 topic=x packet-id=3 payload="2"`)
		b.send(&packets.Pubrec{PacketID: 2})
		b.want("PUBREL packet-id=2")
		b.quiet() // until PUBCOMP
		b.send(&packets.Pubcomp{PacketID: 2})
		b.want(`PUBLISH qos=2 topic=x packet-id=4 payload="3"`)
	})
}

func TestV5_3_3_4_7_ReceiveMaximumOfTheBroker(t *testing.T) {
	run(t, Config{ReceiveMaximum: 2}, func(w *world) {
		a := w.join(packets.V5, "a")
		for id := uint16(1); id <= 2; id++ {
			a.send(message("x", "", 2, numbered(id)))
			a.next()
		}
		a.send(message("x", "", 2, numbered(3)))
		a.ended(packets.ReceiveMaximumExceeded)
	})
}

func TestV5_3_1_2_24_MaximumPacketSize(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a")
		b := w.join(packets.V5, "b", func(c *packets.Connect) { c.Props.SetMaximumPacketSize(40) })
		b.subscribe("x", 1)
		for n := 28; n < 36; n++ { // 7 to 8 bytes before the payload
			a.send(message("x", fmt.Sprintf("%0*d", n, n), 1))
			a.want(puback(1))
		}
		for n := 28; n <= 32; n++ {
			p := b.next().(*packets.Publish)
			if len(p.Payload) != n {
				t.Fatalf("%d bytes, want %d", len(p.Payload), n)
			}
			if n < 32 {
				continue
			}
			if size := len(p.AppendTo(nil, packets.V5)); size != 40 {
				t.Errorf("the largest has %d bytes", size)
			}
		}
		b.quiet()
	})
}

// What no answer fits into ends, without one.
func TestMaximumPacketSizeTooSmall(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.dial(packets.V5)
		a.connect("a", func(c *packets.Connect) { c.Props.SetMaximumPacketSize(3) }, will("w", "never"))
		a.closed()
	})
}

func TestV5_3_3_2_6_MessageExpiry(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a")
		b := w.join(packets.V5, "b", func(c *packets.Connect) { c.Props.SetReceiveMaximum(1) })
		b.subscribe("x", 1)
		a.send(message("x", "now", 1, lasting(10)), message("x", "short", 1, lasting(2)), message("x", "long", 1, lasting(10)))
		a.next()
		a.next()
		a.next()
		b.want(`PUBLISH qos=1 topic=x packet-id=1 message-expiry-interval=10 payload="now"`)
		time.Sleep(3 * time.Second)
		b.send(&packets.Puback{PacketID: 1})
		b.want(`PUBLISH qos=1 topic=x packet-id=2 message-expiry-interval=7 payload="long"`) // [MQTT-3.3.2-5]
	})
}

// Properties go on as they are, a topic alias does not. [MQTT-3.3.2-4]
// [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20]
func TestPropertiesAreForwarded(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b, old := w.join(packets.V5, "a"), w.join(packets.V5, "b"), w.join(packets.V311, "old")
		b.subscribe("x", 0)
		old.subscribe("x", 0)
		own := w.join(packets.V5, "own") // with a property of its own among them
		own.labeled(9, "x", 0)
		a.send(message("x", "p", 0, func(m *packets.Publish) {
			m.Props.SetPayloadFormatIndicator(1)
			m.Props.SetContentType([]byte("text"))
			m.Props.SetResponseTopic([]byte("back"))
			m.Props.SetCorrelationData([]byte("c"))
			m.Props.AddUserProperty([]byte("k"), []byte("1"))
			m.Props.AddUserProperty([]byte("k"), []byte("0"))
		}))
		b.want(`PUBLISH topic=x payload-format-indicator=1 content-type=text response-topic=back correlation-data="c" user:k=1 user:k=0 payload="p"`)
		own.want(`PUBLISH topic=x payload-format-indicator=1 content-type=text response-topic=back correlation-data="c" subscription-identifier=9 user:k=1 user:k=0 payload="p"`)
		old.want(`PUBLISH topic=x payload="p"`)
	})
}

// A payload that is sent from where it stands, among others that are copied.
func TestLargePayloads(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b := w.join(packets.V311, "a"), w.join(packets.V5, "b")
		b.subscribe("x", 0)
		sizes := []int{1, sendInPlace - 1, sendInPlace, 3, 0, 300_000, 5000, 5000, 7}
		for i, n := range sizes {
			a.send(message("x", fmt.Sprintf("%0*d", n, i), 0))
		}
		for i, n := range sizes {
			want := fmt.Sprintf("%0*d", n, i)
			if got := string(b.next().(*packets.Publish).Payload); got != want {
				t.Fatalf("%d: %d bytes, want %d", i, len(got), len(want))
			}
		}
	})
}

// What is no answer to anything, and what is the wrong one. Section 4.3.
func TestAcknowledgementsOutOfPlace(t *testing.T) {
	run(t, Config{}, func(w *world) {
		pub, a := w.join(packets.V5, "pub"), w.join(packets.V5, "a")
		a.subscribe("x", 2)
		a.send(&packets.Puback{PacketID: 9}, &packets.Pubcomp{PacketID: 9}, &packets.Pubrec{PacketID: 9}, &packets.Pubrel{PacketID: 9})
		a.want("PUBREL packet-id=9 reason=0x92", "PUBCOMP packet-id=9 reason=0x92")

		pub.send(message("x", "refused", 2), message("x", "2", 2, numbered(2)))
		a.next()
		a.next()
		a.send(&packets.Pubrec{PacketID: 1, Reason: packets.QuotaExceeded}) // [MQTT-4.4.0-2]
		a.quiet()
		a.send(&packets.Pubrec{PacketID: 2}, &packets.Pubrec{PacketID: 2})
		a.want("PUBREL packet-id=2", "PUBREL packet-id=2")
		a.send(&packets.Puback{PacketID: 2})
		a.ended(packets.ProtocolError)
	})
}
