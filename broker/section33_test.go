package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// A retained message takes the place of the one before it, whatever the QoS of
// the two. [MQTT3-3.3.1-7]
func TestV3_3_3_1_7_RetainedAtAnyQoS(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V311, "a")
		for before := range packets.QoS(3) {
			for after := range packets.QoS(3) {
				for i, qos := range []packets.QoS{before, after} {
					m := message("x", fmt.Sprint(i), qos, retained)
					if qos == 0 {
						a.send(m)
						continue
					}
					a.passes(m)
				}
				a.subscribe("x", 0)
				a.want(`PUBLISH retain topic=x payload="1"`)
				a.send(&packets.Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte("x")}})
				a.want("UNSUBACK packet-id=1")
			}
		}
	})
}

// A message comes under a topic name that matches the filter, to all sessions
// that have one and to no other, whether their clients are there or not.
// Characters are what their bytes are, however much they look alike.
// [MQTT-3.3.2-3] [MQTT3-3.3.2-3] [MQTT-4.5.0-1] [MQTT3-4.5.0-1] [MQTT-4.7.3-4]
// [MQTT3-4.7.3-4]
func TestV5_4_5_0_1_AllSessionsThatMatch(t *testing.T) {
	const composed, decomposed = "\u00e9", "e\u0301"
	topics := []string{"a", "a/b", "/a/b", "a/", "a//b", "b", "$a/b", composed}
	want := map[string]string{
		"#":        "a,a/b,/a/b,a/,a//b,b," + composed,
		"a":        "a",
		"A":        "",
		composed:   composed,
		decomposed: "",
		"+":        "a,b," + composed,
		"a/+":      "a/b,a/",
		"a/#":      "a,a/b,a/,a//b",
		"+/b":      "a/b",
		"+/+":      "a/b,a/",
		"+/+/b":    "/a/b,a//b",
		"/#":       "/a/b",
		"$a/+":     "$a/b",
		"nothing":  "",
	}
	for _, absent := range []bool{false, true} {
		run(t, Config{}, func(w *world) {
			pub := w.join(packets.V5, "pub")
			all := map[string]*peer{}
			for filter := range want {
				all[filter] = w.join(packets.V311, filter, keeping(forever))
				all[filter].subscribe(filter, 1)
				if absent {
					all[filter].lose()
				}
			}
			for _, topic := range topics {
				pub.passes(message(topic, "", 1))
			}
			for filter, p := range all {
				if absent {
					p = w.resume(packets.V311, filter)
				}
				for i, topic := range strings.FieldsFunc(want[filter], func(r rune) bool { return r == ',' }) {
					p.want(message(topic, "", 1, numbered(uint16(i+1))).String())
				}
				p.quiet()
			}
		})
	}
}

// Where a client gets a copy for itself and one for its group, each has its own
// identifier. [MQTT-3.3.4-5]
func TestV5_3_3_4_5_IdentifierOfEachCopy(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b")
		b.labeled(1, "x", 0)
		b.labeled(2, "$share/g/x", 0)
		b.labeled(3, "$share/h/x", 0)
		a.send(message("x", "", 0))
		got := map[string]bool{}
		for range 3 {
			got[b.next().String()] = true
		}
		for id := 1; id <= 3; id++ {
			if !got[fmt.Sprintf(`PUBLISH topic=x subscription-identifier=%d payload=""`, id)] {
				t.Errorf("no copy for %d: %v", id, got)
			}
		}
	})
}

// A PUBLISH that the broker does not want, for which 3.1.1 has no answer, ends
// the connection. [MQTT3-3.3.5-2]
func TestV3_3_3_5_2_RefusedPublish(t *testing.T) {
	for _, v := range versions {
		run(t, Config{MaximumTopicLevels: 2}, func(w *world) {
			watcher := w.join(packets.V5, "watcher")
			watcher.subscribe("#", 0)
			a := w.join(v, "a")
			a.send(message("1/2/3", "", 1))
			a.ended(packets.TopicNameInvalid)
			watcher.quiet()
		})
	}
}

// The answers are bare codes to a client that accepts nothing longer, and wants no
// reasons in words. [MQTT-3.1.2-29] [MQTT-3.2.2-19]
// [MQTT-3.2.2-20] [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3]
// [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1]
// [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] [MQTT-3.14.2-3] [MQTT-3.14.2-4]
func TestV5_3_1_2_29_AnswersAreBare(t *testing.T) {
	curt := func(c *packets.Connect) {
		c.Props.SetMaximumPacketSize(16) // which CONNACK has
		c.Props.SetRequestProblemInformation(false)
	}
	run(t, Config{MaximumTopicLevels: 3}, func(w *world) {
		refused := w.dial(packets.V5)
		refused.connect("a", curt, func(c *packets.Connect) { c.Props.SetMaximumPacketSize(5) }, will("1/2/3/4", ""))
		refused.want("CONNACK reason=0x90")
		refused.closed()
		a := w.dial(packets.V5)
		a.connect("a", curt)
		a.want("CONNACK receive-maximum=1024 topic-alias-maximum=16 maximum-packet-size=1048576")
		a.send(message("x", "", 1), message("x", "", 2, numbered(2)),
			&packets.Pubrec{PacketID: 3}, &packets.Pubrel{PacketID: 4},
			&packets.Subscribe{PacketID: 5, Filters: []packets.Subscription{{Filter: []byte("1/2/3/4")}}},
			&packets.Unsubscribe{PacketID: 6, Filters: [][]byte{[]byte("x")}})
		a.want("PUBACK packet-id=1 reason=0x10", "PUBREC packet-id=2 reason=0x10",
			"PUBREL packet-id=3 reason=0x92", "PUBCOMP packet-id=4 reason=0x92",
			"SUBACK packet-id=5 reason=0x8f")
		said := a.text
		a.want("UNSUBACK packet-id=6 reason=0x11")
		a.connect("again")
		a.want("DISCONNECT reason=0x82")
		if said+a.text+refused.text != "" {
			t.Errorf("in words: %q %q %q", said, a.text, refused.text)
		}
		a.closed()
	})
}
