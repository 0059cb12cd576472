package broker

import (
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// A message at QoS 2 is delivered once, wherever the process ends on its way in, and
// its identifier can be used again afterwards. [MQTT-4.3.3-7] to [MQTT-4.3.3-12]
// [MQTT3-4.3.3-2] [MQTT-4.4.0-1]
func TestCrashWhileReceivingQoS2(t *testing.T) {
	const (
		publishLost = iota
		pubrecLost
		pubrelLost
		pubcompLost
		cuts
	)
	for _, v := range modern {
		for cut := range cuts {
			runStored(t, Config{}, func(w *world) {
				w.absent(v, "b", "x")
				a := w.join(v, "a", keeping(forever))
				if cut == publishLost {
					w.hold()
				}
				a.send(message("x", "one", 2, numbered(7)))
				if cut >= pubrelLost {
					a.want("PUBREC packet-id=7")
					if cut == pubrelLost {
						w.hold()
					}
					a.send(&packets.Pubrel{PacketID: 7})
				}
				if cut == publishLost || cut == pubrelLost {
					a.quiet()
				}
				w.crash()

				a = w.resume(v, "a")
				if cut <= pubrecLost {
					a.send(message("x", "one", 2, numbered(7), again))
					a.want("PUBREC packet-id=7")
				}
				a.send(&packets.Pubrel{PacketID: 7})
				if cut == pubcompLost && v == packets.V5 {
					a.want("PUBCOMP packet-id=7 reason=0x92")
				} else {
					a.want("PUBCOMP packet-id=7")
				}
				a.passes(message("x", "two", 2, numbered(7)))
				b := w.resume(v, "b")
				b.want(`PUBLISH qos=2 topic=x packet-id=1 payload="one"`, `PUBLISH qos=2 topic=x packet-id=2 payload="two"`)
				b.quiet()
			})
		}
	}
}

// A message at QoS 2 is sent until PUBREC, and PUBREL until PUBCOMP, wherever the
// process ends on its way out. [MQTT-4.3.3-1] to [MQTT-4.3.3-6] [MQTT3-4.3.3-1]
// [MQTT-4.4.0-1] [MQTT-3.3.1-1]
func TestCrashWhileSendingQoS2(t *testing.T) {
	const (
		publishLost = iota
		pubrecLost
		pubrelLost
		pubcompLost
		nothingLost
		cuts
	)
	for _, v := range modern {
		for cut := range cuts {
			runStored(t, Config{}, func(w *world) {
				a, b := w.join(v, "a"), w.join(v, "b", keeping(forever))
				b.subscribe("x", 2)
				a.passes(message("x", "one", 2), message("x", "two", 2))
				b.want(`PUBLISH qos=2 topic=x packet-id=1 payload="one"`, `PUBLISH qos=2 topic=x packet-id=2 payload="two"`)
				if cut > publishLost {
					if cut == pubrecLost {
						w.hold()
					}
					b.send(&packets.Pubrec{PacketID: 1})
				}
				if cut == pubrecLost {
					b.quiet()
				}
				if cut >= pubcompLost {
					b.want("PUBREL packet-id=1")
					if cut == pubcompLost {
						w.hold() // it may come while commits are under way
					}
					b.send(&packets.Pubcomp{PacketID: 1})
				}
				if cut == nothingLost {
					b.quiet() // long enough for the next commit
				}
				w.crash()

				b = w.resume(v, "b")
				switch cut {
				case publishLost, pubrecLost:
					b.want(`PUBLISH dup qos=2 topic=x packet-id=1 payload="one"`)
					b.send(&packets.Pubrec{PacketID: 1})
				}
				if cut >= pubrelLost && cut <= pubcompLost {
					b.want("PUBREL packet-id=1")
				}
				b.want(`PUBLISH dup qos=2 topic=x packet-id=2 payload="two"`)
				if cut < pubrelLost {
					b.want("PUBREL packet-id=1")
				}
				if cut != nothingLost {
					b.send(&packets.Pubcomp{PacketID: 1})
				}
				b.send(&packets.Pubrec{PacketID: 2})
				b.want("PUBREL packet-id=2")
				b.send(&packets.Pubcomp{PacketID: 2})
				w.join(v, "a").passes(message("x", "three", 2))
				b.want(`PUBLISH qos=2 topic=x packet-id=3 payload="three"`)
				b.quiet()
			})
		}
	}
}

// A message at QoS 1 is delivered at least once, wherever the process ends, and what
// may have been sent has its identifier and DUP. [MQTT-4.3.2-1] to [MQTT-4.3.2-5]
// [MQTT3-4.3.2-1] [MQTT3-4.3.2-2]
func TestCrashAtQoS1(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{}, func(w *world) {
			w.absent(v, "absent", "x")
			a, b := w.join(v, "a", keeping(forever)), w.join(v, "b", keeping(forever))
			b.subscribe("x", 1)
			a.passes(message("x", "acknowledged", 1))
			b.want(`PUBLISH qos=1 topic=x packet-id=1 payload="acknowledged"`)
			b.send(&packets.Puback{PacketID: 1})
			b.quiet()
			a.passes(message("x", "sent", 1))
			b.want(`PUBLISH qos=1 topic=x packet-id=2 payload="sent"`)
			w.hold()
			a.send(message("x", "lost", 1, numbered(3)))
			a.quiet()
			w.crash()

			a, b = w.resume(v, "a"), w.resume(v, "b")
			a.passes(message("x", "lost", 1, numbered(3), again))
			b.want(`PUBLISH dup qos=1 topic=x packet-id=2 payload="sent"`, `PUBLISH qos=1 topic=x packet-id=3 payload="lost"`)
			b.send(&packets.Puback{PacketID: 2}, &packets.Puback{PacketID: 3})
			b.quiet()
			absent := w.resume(v, "absent")
			absent.want(`PUBLISH qos=1 topic=x packet-id=1 payload="acknowledged"`, `PUBLISH qos=1 topic=x packet-id=2 payload="sent"`,
				`PUBLISH qos=1 topic=x packet-id=3 payload="lost"`)
			absent.lose()
			w.crash()
			w.resume(v, "b").quiet()
			absent = w.resume(v, "absent") // what was sent to it is known since it has gone
			absent.want(`PUBLISH dup qos=1 topic=x packet-id=1 payload="acknowledged"`, `PUBLISH dup qos=1 topic=x packet-id=2 payload="sent"`,
				`PUBLISH dup qos=1 topic=x packet-id=3 payload="lost"`)
		})
	}
}
