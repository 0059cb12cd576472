package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// One SUBACK with the identifier of the SUBSCRIBE, and a code for each filter, as
// if it had come alone. [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5]
// [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-2.2.1-6] [MQTT3-3.8.4-1] [MQTT3-3.8.4-2] [MQTT3-3.8.4-4]
func TestV5_3_8_4_5_ManyFilters(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a, pub := w.join(v, "a"), w.join(packets.V5, "pub")
			pub.passes(message("x/0", "kept", 1, retained))
			s := &packets.Subscribe{PacketID: 4711}
			for i := range packets.QoS(3) {
				s.Filters = append(s.Filters, packets.Subscription{Filter: fmt.Append(nil, "x/", i), QoS: i})
			}
			a.send(s)
			a.want("SUBACK packet-id=4711 reason=0x00 reason=0x01 reason=0x02", `PUBLISH retain topic=x/0 payload="kept"`)
			for i := range packets.QoS(3) {
				pub.send(message(fmt.Sprintf("x/%d", i), "", 2))
				pub.next()
				pub.send(&packets.Pubrel{PacketID: 1})
				pub.next()
				if p := a.next().(*packets.Publish); p.QoS != i {
					t.Errorf("granted %d: %s", i, p)
				}
			}
			a.quiet()
		})
	}
}

// [MQTT-3.10.4-6] [MQTT3-3.10.4-6]
func TestV5_3_10_4_6_ManyFilters(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a, pub := w.join(v, "a"), w.join(packets.V5, "pub")
			for _, filter := range []string{"1", "2", "3"} {
				a.subscribe(filter, 0)
			}
			a.send(&packets.Unsubscribe{PacketID: 4711, Filters: [][]byte{[]byte("1"), []byte("3")}})
			if u, ok := a.next().(*packets.Unsuback); !ok || u.PacketID != 4711 { // [MQTT3-3.10.4-4]
				t.Errorf("got %v", u)
			}
			pub.send(message("1", "", 0), message("2", "", 0), message("3", "", 0))
			a.want(`PUBLISH topic=2 payload=""`)
			a.quiet()
		})
	}
}

// To subscribe again loses nothing of what is published meanwhile, and sends
// what is retained again. [MQTT-3.8.4-4]
func TestV5_3_8_4_4_NoGap(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, pub := w.join(packets.V5, "a"), w.join(packets.V5, "pub")
		pub.passes(message("kept", "kept", 1, retained))
		a.subscribe("+", 0)
		a.want(`PUBLISH retain topic=kept payload="kept"`)
		const n = 300
		go func() {
			for i := range n {
				pub.send(message("x", fmt.Sprint(i), 0))
			}
		}()
		for next := 0; next < n; {
			p, ok := a.next().(*packets.Publish)
			switch {
			case !ok, p.Retain: // SUBACK, and what it brings
			case string(p.Payload) != fmt.Sprint(next):
				t.Fatalf("got %s, want %d", p, next)
			default:
				if next++; next%10 == 5 {
					a.send(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("+")}}})
				}
			}
		}
		for x, err := a.read(time.Second); err == nil; x, err = a.read(time.Second) {
			if p, ok := x.(*packets.Publish); ok && !p.Retain {
				t.Errorf("twice: %s", p)
			}
		}
		a.subscribe("+", 0)
		a.want(`PUBLISH retain topic=kept payload="kept"`)
		a.quiet()
	})
}

// What is under way when UNSUBSCRIBE comes goes to its end, on this connection
// and the next. [MQTT-3.10.4-3] [MQTT3-3.10.4-3]
func TestV5_3_10_4_3_DeliveriesAreFinished(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a, pub := w.join(v, "a", keeping(60)), w.join(packets.V5, "pub")
			a.subscribe("x", 2)
			pub.passes(message("x", "one", 1), message("x", "two", 2), message("x", "three", 2))
			for range 3 {
				a.next()
			}
			a.send(&packets.Unsubscribe{PacketID: 9, Filters: [][]byte{[]byte("x")}})
			a.next()
			a.send(&packets.Pubrec{PacketID: 2})
			a.want("PUBREL packet-id=2")
			a.send(&packets.Pubcomp{PacketID: 2})
			a.lose()
			a = w.resume(v, "a")
			a.want(`PUBLISH dup qos=1 topic=x packet-id=1 payload="one"`, `PUBLISH dup qos=2 topic=x packet-id=3 payload="three"`)
			a.quiet()
		})
	}
}
