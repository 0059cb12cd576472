package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// No acknowledgement leaves before what it is for is stored, and nobody has the
// message before.
func TestNothingIsAcknowledgedUnstored(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{}, func(w *world) {
			w.absent(v, "absent", "x")
			a, b, c := w.join(v, "a", keeping(forever)), w.join(v, "b", keeping(forever)), w.join(v, "c")
			b.subscribe("x", 2)
			c.subscribe("x", 2)
			held := func(p *peer, what packets.Packet, answers ...string) {
				w.Helper()
				w.hold()
				p.send(what)
				p.quiet()
				b.quiet()
				c.quiet()
				w.release()
				p.want(answers...)
			}
			held(a, message("x", "one", 1), "PUBACK packet-id=1")
			b.want(`PUBLISH qos=1 topic=x packet-id=1 payload="one"`)
			c.want(`PUBLISH qos=1 topic=x packet-id=1 payload="one"`)
			held(a, message("x", "two", 2), "PUBREC packet-id=1")
			b.want(`PUBLISH qos=2 topic=x packet-id=2 payload="two"`)
			c.want(`PUBLISH qos=2 topic=x packet-id=2 payload="two"`)
			held(a, &packets.Pubrel{PacketID: 1}, "PUBCOMP packet-id=1")
			held(b, &packets.Pubrec{PacketID: 2}, "PUBREL packet-id=2")
			w.hold()
			b.send(&packets.Pubrec{PacketID: 2}) // the answer to a second one does not overtake that to the first
			b.quiet()
			w.release()
			b.want("PUBREL packet-id=2")
			reasons := " reason=0x00"
			if v != packets.V5 {
				reasons = ""
			}
			held(b, &packets.Subscribe{PacketID: 5, Filters: []packets.Subscription{{Filter: []byte("y")}}}, "SUBACK packet-id=5 reason=0x00")
			held(b, &packets.Unsubscribe{PacketID: 6, Filters: [][]byte{[]byte("y")}}, "UNSUBACK packet-id=6"+reasons)
		})
	}
}

// The same for CONNACK.
func TestNoSessionIsPresentUnstored(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{}, func(w *world) {
			w.absent(v, "old", "x")
			for _, id := range []string{"new", "old"} {
				w.hold()
				p := w.dial(v)
				p.connect(id, keeping(forever))
				p.quiet()
				w.release()
				if a, ok := p.next().(*packets.Connack); !ok || a.SessionPresent != (id == "old") {
					t.Errorf("CONNACK %v", a)
				}
			}
			w.hold()
			p := w.dial(v)
			p.connect("old") // there must be no other session when the process ends behind CONNACK
			p.quiet()
			w.release()
			if a, ok := p.next().(*packets.Connack); !ok || a.SessionPresent {
				t.Errorf("CONNACK %v", a)
			}
			w.crash()
			w.join(v, "old", keeping(forever))
		})
	}
}

// What need not be stored goes on meanwhile: QoS 0, and QoS 1 and 2 where no session
// is.
func TestUnstoredGoesOn(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{}, func(w *world) {
			a, b, kept := w.join(v, "a"), w.join(v, "b"), w.join(v, "kept", keeping(forever))
			for _, p := range []*peer{b, kept} {
				p.subscribe("both", 2)
			}
			b.subscribe("b", 2)
			w.hold()
			a.send(message("both", "0", 0))
			b.want(`PUBLISH topic=both payload="0"`)
			kept.want(`PUBLISH topic=both payload="0"`)
			a.send(message("b", "1", 1))
			a.want("PUBACK packet-id=1")
			b.want(`PUBLISH qos=1 topic=b packet-id=1 payload="1"`)
			a.send(message("b", "2", 2, numbered(2)))
			a.want("PUBREC packet-id=2")
			b.want(`PUBLISH qos=2 topic=b packet-id=2 payload="2"`)
			a.send(&packets.Pubrel{PacketID: 2})
			a.want("PUBCOMP packet-id=2")
			w.release()
		})
	}
}

// What has waited for the store comes in its order, with what came behind it and would
// not have had to wait. [MQTT-4.6.0-2] [MQTT-4.6.0-5] [MQTT-4.6.0-6]
func TestOrderBehindTheStore(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{}, func(w *world) {
			w.absent(v, "absent", "x")
			a, b, kept := w.join(v, "a"), w.join(v, "b"), w.join(v, "kept", keeping(forever))
			b.subscribe("#", 1)
			kept.subscribe("x", 1)
			w.hold()
			for i := range uint16(20) {
				a.send(message([]string{"x", "y"}[i%2], fmt.Sprint(i), 1, numbered(i+1)))
			}
			a.quiet()
			b.quiet()
			w.release()
			for i := range 20 {
				a.want(fmt.Sprintf("PUBACK packet-id=%d", i+1))
				b.want(fmt.Sprintf(`PUBLISH qos=1 topic=%s packet-id=%d payload="%d"`, []string{"x", "y"}[i%2], i+1, i))
				if i%2 == 0 {
					kept.want(fmt.Sprintf(`PUBLISH qos=1 topic=x packet-id=%d payload="%d"`, i/2+1, i))
				}
			}
			kept.lose()
			w.crash()
			for _, id := range []string{"kept", "absent"} {
				p := w.resume(v, id)
				for i := range 10 {
					if m := p.next().(*packets.Publish); m.PacketID != uint16(i+1) || string(m.Payload) != fmt.Sprint(2*i) || m.Dup != (id == "kept") {
						t.Fatalf("%s, %d: %s", id, i, m)
					}
				}
			}
		})
	}
}

// A client that comes back while its messages wait for the store, by taking over too,
// has each of them once. [MQTT-3.1.4-3] [MQTT-4.3.3-10]
func TestTakeoverBehindTheStore(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{}, func(w *world) {
			w.absent(v, "b", "x")
			a := w.join(v, "a", keeping(forever))
			w.hold()
			a.send(message("x", "one", 2, numbered(7)))
			a.quiet()
			next := w.dial(v)
			next.connect("a", keeping(forever))
			next.quiet()
			w.release()
			if c := next.next().(*packets.Connack); !c.SessionPresent {
				t.Error("no session")
			}
			next.send(message("x", "one", 2, numbered(7), again))
			next.want("PUBREC packet-id=7")
			next.send(&packets.Pubrel{PacketID: 7})
			next.want("PUBCOMP packet-id=7")
			next.passes(message("x", "two", 2, numbered(7)))
			b := w.resume(v, "b")
			b.want(`PUBLISH qos=2 topic=x packet-id=1 payload="one"`, `PUBLISH qos=2 topic=x packet-id=2 payload="two"`)
		})
	}
}

// A session that was refused is not there when its client tries again.
func TestSessionThatWasNotStored(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{ConnectTimeout: time.Second}, func(w *world) {
			refusal := "CONNACK reason=0x97"
			if v != packets.V5 {
				refusal = "CONNACK reason=0x03"
			}
			w.hold()
			p := w.dial(v)
			p.connect("a", keeping(forever))
			p.want(refusal)
			w.release()
			w.join(v, "a", keeping(forever))
		})
	}
}
