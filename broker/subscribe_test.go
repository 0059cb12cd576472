package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
)

func TestV5_3_3_1_5_Retained(t *testing.T) {
	for _, v := range versions {
		runInMemory(t, Config{}, func(w *world) {
			a := w.join(v, "a")
			a.send(message("r/1", "old", 0, retained), message("r/1", "new", 1, retained), message("r/2", "two", 0, retained),
				message("r/1", "not retained", 0), &packets.Pingreq{})
			a.next()
			a.want("PINGRESP") // all that was sent before has been handled
			b := w.join(v, "b")
			b.subscribe("r/1", 2)
			b.want(`PUBLISH qos=1 retain topic=r/1 packet-id=1 payload="new"`) // [MQTT-3.3.1-8] [MQTT3-3.3.1-6] [MQTT3-3.3.1-8] [MQTT3-3.3.1-12]
			a.send(message("r/1", "newer", 0, retained))
			b.want(`PUBLISH topic=r/1 payload="newer"`) // [MQTT3-3.3.1-9]
			a.send(message("r/1", "", 0, retained))
			b.want(`PUBLISH topic=r/1 payload=""`) // [MQTT-3.3.1-6]
			c := w.join(v, "c")
			c.subscribe("#", 0)
			c.want(`PUBLISH retain topic=r/2 payload="two"`) // [MQTT-3.3.1-7]
			c.quiet()
			c.subscribe("#", 0) // again [MQTT3-3.8.4-3]
			c.want(`PUBLISH retain topic=r/2 payload="two"`)
		})
	}
}

func TestV5_3_3_1_9_RetainHandling(t *testing.T) {
	run(t, Config{}, func(w *world) {
		handling := func(h packets.RetainHandling) func(*packets.Subscription) {
			return func(s *packets.Subscription) { s.RetainHandling = h }
		}
		const replay = `PUBLISH retain topic=r payload="x"`
		a := w.join(packets.V5, "a")
		a.send(message("r", "x", 0, retained))
		a.subscribe("r", 0, handling(packets.SendRetainedIfNew))
		a.want(replay)
		a.subscribe("r", 0, handling(packets.SendRetainedIfNew)) // [MQTT-3.3.1-10]
		a.quiet()
		a.subscribe("r", 0, handling(packets.SendRetained))
		a.want(replay)
		a.subscribe("+", 0, handling(packets.DoNotSendRetained)) // [MQTT-3.3.1-11]
		a.quiet()
	})
}

// Each SUBSCRIBE brings what is retained, and so does each filter in it
// [MQTT-3.8.4-5] [MQTT3-3.8.4-4], also where the one before has not yet been served.
func TestV5_3_8_4_4_RetainedForEachSubscribe(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a := w.join(v, "a")
			a.send(message("r", "x", 0, retained))
			subscribe := func(id uint16, most ...packets.QoS) packets.Packet {
				p := &packets.Subscribe{PacketID: id}
				for _, qos := range most {
					p.Filters = append(p.Filters, packets.Subscription{Filter: []byte("r"), QoS: qos})
				}
				return p
			}
			a.send(subscribe(1, 0, 1), subscribe(2, 0))
			got := map[packets.Type]int{}
			for range 5 {
				got[a.next().Type()]++
			}
			if got[packets.TypeSuback] != 2 || got[packets.TypePublish] != 3 {
				t.Errorf("%v", got)
			}
			a.quiet()
		})
	}
}

func TestV5_3_3_1_13_RetainAsPublished(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b")
		b.subscribe("x", 0, func(s *packets.Subscription) { s.RetainAsPublished = true })
		a.send(message("x", "1", 0, retained), message("x", "2", 0))
		b.want(`PUBLISH retain topic=x payload="1"`, `PUBLISH topic=x payload="2"`)
	})
}

func TestRetainedExpires(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a")
		a.send(message("r", "x", 0, retained, lasting(10)))
		time.Sleep(4 * time.Second)
		a.subscribe("r", 0)
		a.want(`PUBLISH retain topic=r message-expiry-interval=6 payload="x"`)
		time.Sleep(6 * time.Second)
		a.subscribe("r", 0)
		a.quiet()
		if n := w.b.retained.Len(); n != 0 {
			t.Errorf("%d retained messages", n)
		}
	})
}

// Retained messages wait for a slow receiver, however many they are, and what is
// published meanwhile comes behind them.
func TestManyRetained(t *testing.T) {
	run(t, Config{MaximumQueuedBytes: 1000}, func(w *world) {
		a := w.join(packets.V5, "a")
		const n = 2000
		for i := range n {
			a.send(message(fmt.Sprintf("r/%d", i), "old", 1, retained))
			a.next()
		}
		b := w.join(packets.V5, "b", func(c *packets.Connect) { c.Props.SetReceiveMaximum(3) })
		b.subscribe("r/+", 1)
		w.settle()
		a.send(message("r/0", "new", 1, retained))
		a.next()
		last := map[string]string{}
		for range n + 1 {
			p := b.next().(*packets.Publish)
			last[string(p.Topic)] = string(p.Payload)
			b.send(&packets.Puback{PacketID: p.PacketID})
		}
		b.quiet()
		if len(last) != n || last["r/0"] != "new" { // [MQTT-4.6.0-5]
			t.Errorf("%d topics, the last of r/0 is %q", len(last), last["r/0"])
		}
	})
}

func TestUnsubscribe(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a")
		a.subscribe("x/+", 0)
		a.send(&packets.Unsubscribe{PacketID: 5, Filters: [][]byte{[]byte("x/y"), []byte("x/+"), []byte("x/+"), []byte("+/y")}})
		a.want("UNSUBACK packet-id=5 reason=0x11 reason=0x00 reason=0x11 reason=0x11") // [MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-6] [MQTT-3.11.3-1]
		a.send(message("x/y", "", 1))
		a.want("PUBACK packet-id=1 reason=0x10") // [MQTT-3.10.4-2]
		old := w.join(packets.V311, "old")
		old.send(&packets.Unsubscribe{PacketID: 6, Filters: [][]byte{[]byte("x")}})
		old.want("UNSUBACK packet-id=6") // [MQTT3-3.10.4-5]
	})
}

func TestV5_3_8_4_3_SubscriptionIsReplaced(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b")
		a.subscribe("x", 2)
		a.subscribe("x", 0)
		b.passes(message("x", "", 1))
		a.want(`PUBLISH topic=x payload=""`)
		a.quiet()
	})
}

func TestMaximumSubscriptions(t *testing.T) {
	for _, c := range []Config{
		{MaximumSubscriptions: 2},
		{MaximumSubscriptionBytes: 2 * topics.Cost(1)},
	} {
		run(t, c, func(w *world) {
			a := w.join(packets.V5, "a")
			filters := func(all ...string) *packets.Subscribe {
				s := &packets.Subscribe{PacketID: 1}
				for _, f := range all {
					s.Filters = append(s.Filters, packets.Subscription{Filter: []byte(f)})
				}
				return s
			}
			a.send(filters("1", "2", "3", "1"))
			a.want("SUBACK packet-id=1 reason=0x00 reason=0x00 reason=0x97 reason=0x00") // [MQTT-3.9.3-1] [MQTT3-3.9.3-1]
			a.send(&packets.Unsubscribe{PacketID: 2, Filters: [][]byte{[]byte("1")}})
			a.next()
			a.send(filters("3"))
			a.want("SUBACK packet-id=1 reason=0x00")
		})
	}
}
