package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// labeled subscribes with a Subscription Identifier.
func (p *peer) labeled(id uint32, filter string, qos packets.QoS) {
	p.Helper()
	s := &packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte(filter), QoS: qos}}}
	s.Props.SetSubscriptionIdentifier(id)
	p.send(s)
	p.want(fmt.Sprintf("SUBACK packet-id=1 reason=0x0%d", qos))
}

// One copy carries the identifiers of all subscriptions that match.
// [MQTT-3.3.4-3] [MQTT-3.3.4-4]
func TestV5_3_3_4_3_SubscriptionIdentifiers(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(60))
		b.labeled(1, "x/#", 0)
		b.labeled(268435455, "x/+", 2)
		b.subscribe("x/y", 1)
		b.labeled(7, "other", 1)
		a.send(message("x/y", "", 0, func(m *packets.Publish) {
			m.Props.SetPayloadFormatIndicator(1)
			m.Props.SetContentType([]byte("text"))
			m.Props.SetResponseTopic([]byte("back"))
			m.Props.SetCorrelationData([]byte("c"))
			m.Props.SetMessageExpiryInterval(9)
			m.Props.AddUserProperty([]byte("k"), []byte("1"))
		}))
		got := b.next().String()
		for _, part := range []string{
			"subscription-identifier=1", "subscription-identifier=268435455", "payload-format-indicator=1", "content-type=text",
			"response-topic=back", `correlation-data="c"`, "message-expiry-interval=9", "user:k=1",
		} {
			if !strings.Contains(got, part) {
				t.Errorf("no %s in %s", part, got)
			}
		}
		if strings.Count(got, "subscription-identifier=") != 2 {
			t.Error(got)
		}
		a.send(message("other", "", 0))
		b.want(`PUBLISH topic=other subscription-identifier=7 payload=""`)
		b.subscribe("other", 1) // the new subscription has none [MQTT-3.8.4-3]
		a.send(message("other", "", 0))
		b.want(`PUBLISH topic=other payload=""`)
	})
}

// Identifiers go with what is retained, what waits, and what is sent again.
func TestSubscriptionIdentifiersLast(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(60))
		a.passes(message("x", "kept", 1, retained))
		b.labeled(5, "x", 1)
		b.want(`PUBLISH qos=1 retain topic=x packet-id=1 subscription-identifier=5 payload="kept"`)
		b.lose()
		a.passes(message("x", "waits", 1))
		b = w.resume(packets.V5, "b")
		b.want(`PUBLISH dup qos=1 retain topic=x packet-id=1 subscription-identifier=5 payload="kept"`,
			`PUBLISH qos=1 topic=x packet-id=2 subscription-identifier=5 payload="waits"`)
		b.lose()
		w.resume(packets.V311, "b").want(`PUBLISH dup qos=1 retain topic=x packet-id=1 payload="kept"`,
			`PUBLISH dup qos=1 topic=x packet-id=2 payload="waits"`)
	})
}

func alias(number uint16) func(*packets.Publish) {
	return func(m *packets.Publish) { m.Props.SetTopicAlias(number) }
}

// [MQTT-3.3.2-7] [MQTT-3.3.2-9] [MQTT-3.3.2-12]
func TestV5_3_3_2_12_TopicAliasOfTheClient(t *testing.T) {
	run(t, Config{TopicAliasMaximum: 3}, func(w *world) {
		a, b := w.join(packets.V5, "a", keeping(60)), w.join(packets.V5, "b")
		b.subscribe("#", 1)
		for number := uint16(1); number <= 3; number++ {
			a.send(message(fmt.Sprintf("x/%d", number), "", 0, alias(number)))
			b.want(fmt.Sprintf(`PUBLISH topic=x/%d payload=""`, number))
		}
		a.send(message("", "", 1, alias(2), retained))
		a.next()
		b.want(`PUBLISH qos=1 topic=x/2 packet-id=1 payload=""`)
		a.send(message("new", "", 0, alias(2)), message("", "", 0, alias(2)), message("", "", 0, alias(3)))
		b.want(`PUBLISH topic=new payload=""`, `PUBLISH topic=new payload=""`, `PUBLISH topic=x/3 payload=""`)
		a.lose()
		a = w.resume(packets.V5, "a", keeping(60))
		a.send(message("", "", 0, alias(2)))
		a.ended(packets.ProtocolError)
		w.settle()
		a = w.resume(packets.V5, "a", keeping(60))
		a.send(message("x", "", 0, alias(4)))
		a.ended(packets.TopicAliasInvalid)
	})
	run(t, Config{TopicAliasMaximum: -1}, func(w *world) { // [MQTT-3.2.2-18]
		a := w.join(packets.V5, "a")
		a.send(message("x", "", 0, alias(1)))
		a.ended(packets.TopicAliasInvalid)
	})
}

// The broker uses the aliases that the client allows, and on each connection
// begins anew. [MQTT-3.1.2-26] [MQTT-3.1.2-27] [MQTT-3.3.2-7] [MQTT-3.3.2-11]
func TestV5_3_1_2_26_TopicAliasOfTheBroker(t *testing.T) {
	run(t, Config{}, func(w *world) {
		allow := func(n uint16) func(*packets.Connect) {
			return func(c *packets.Connect) { c.Props.SetTopicAliasMaximum(n) }
		}
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(60), allow(2))
		plain := w.join(packets.V5, "plain")
		plain.subscribe("#", 0)
		b.subscribe("#", 1)
		for range 2 {
			for _, topic := range []string{"first", "second", "third"} {
				a.send(message(topic, "", 0))
				plain.want(fmt.Sprintf(`PUBLISH topic=%s payload=""`, topic))
			}
		}
		b.want(`PUBLISH topic=first topic-alias=1 payload=""`, `PUBLISH topic=second topic-alias=2 payload=""`, `PUBLISH topic=third payload=""`,
			`PUBLISH topic="" topic-alias=1 payload=""`, `PUBLISH topic="" topic-alias=2 payload=""`, `PUBLISH topic=third payload=""`)
		a.passes(message("first", "", 1))
		b.want(`PUBLISH qos=1 topic="" packet-id=1 topic-alias=1 payload=""`)
		b.lose()
		b = w.resume(packets.V5, "b", allow(2))
		b.want(`PUBLISH dup qos=1 topic=first packet-id=1 topic-alias=1 payload=""`)
	})
}

// An alias never makes a packet too large.
func TestAliasLeavesRoom(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a")
		b := w.join(packets.V5, "b", func(c *packets.Connect) {
			c.Props.SetTopicAliasMaximum(10)
			c.Props.SetMaximumPacketSize(40)
		})
		b.subscribe("topic", 0)
		for n := 20; n < 40; n++ {
			a.send(message("topic", strings.Repeat("x", n), 0))
		}
		for n := 20; n <= 30; n++ {
			p := b.next().(*packets.Publish)
			if len(p.Payload) != n || len(p.AppendTo(nil, packets.V5)) > 40 {
				t.Fatalf("%d bytes of payload, want %d: %s", len(p.Payload), n, p)
			}
		}
		b.quiet()
	})
}
