package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// connack is what the broker says to a client that connects.
func (w *world) connack(v packets.Version, more ...func(*packets.Connect)) (*peer, *packets.Connack) {
	w.Helper()
	p := w.dial(v)
	p.connect("a", more...)
	a, ok := p.next().(*packets.Connack)
	if !ok {
		w.Fatalf("got %v", a)
	}
	return p, a
}

func willAt(qos packets.QoS, retain bool) func(*packets.Connect) {
	return func(c *packets.Connect) {
		will("will", "")(c)
		c.WillQoS, c.WillRetain = qos, retain
	}
}

// A broker that has everything does not say so.
func TestAllFeatures(t *testing.T) {
	run(t, Config{}, func(w *world) {
		_, a := w.connack(packets.V5)
		for _, p := range []packets.Property{
			packets.PropMaximumQoS, packets.PropRetainAvailable, packets.PropServerKeepAlive, packets.PropWildcardSubscriptionAvailable,
			packets.PropSharedSubscriptionAvailable, packets.PropSubscriptionIdentifierAvailable,
		} {
			if a.Props.Has().Has(p) {
				t.Errorf("CONNACK has %s", p)
			}
		}
	})
}

// [MQTT-3.2.2-9] [MQTT-3.2.2-10] [MQTT-3.2.2-11] [MQTT-3.2.2-12]
func TestV5_3_2_2_9_MaximumQoS(t *testing.T) {
	for most, without := range map[packets.QoS]Features{0: QoS1, 1: QoS2} {
		for _, v := range versions {
			run(t, Config{Without: without}, func(w *world) {
				a, ack := w.connack(v)
				if got, said := ack.Props.MaximumQoS(); v == packets.V5 && (!said || got != most) {
					t.Errorf("Maximum QoS %d, %v", got, said)
				}
				for qos := range packets.QoS(3) {
					a.send(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("x"), QoS: qos}}})
					a.want(fmt.Sprintf("SUBACK packet-id=1 reason=0x%02x", byte(min(qos, most))))
				}
				if err := w.b.Publish(w.Context(), Message{Topic: "x", QoS: 2}); err != nil {
					t.Error(err)
				}
				if m := a.next().(*packets.Publish); m.QoS != most {
					t.Errorf("got %s", m)
				}
				b := w.join(v, "b")
				b.send(message("x", "", most+1))
				b.ended(packets.QoSNotSupported)
				w.refusesWill(v, willAt(most+1, false), packets.QoSNotSupported)
				w.join(v, "c", willAt(most, false))
			})
		}
	}
}

// refusesWill demands that CONNECT is refused, in 3.x without a word, because
// there is none.
func (w *world) refusesWill(v packets.Version, will func(*packets.Connect), reason packets.ReasonCode) {
	w.Helper()
	p := w.dial(v)
	p.connect("refused", will)
	if v == packets.V5 {
		p.want(fmt.Sprintf("CONNACK reason=0x%02x", byte(reason)))
	}
	p.closed()
}

// [MQTT-3.2.2-13] [MQTT-3.2.2-14]
func TestV5_3_2_2_13_RetainAvailable(t *testing.T) {
	for _, v := range versions {
		run(t, Config{Without: RetainedMessages, SysInterval: time.Hour}, func(w *world) {
			a, ack := w.connack(v)
			if available, said := ack.Props.RetainAvailable(); v == packets.V5 && (!said || available) {
				t.Error("Retain Available is not told")
			}
			w.refusesWill(v, willAt(0, true), packets.RetainNotSupported)
			if err := w.b.Publish(w.Context(), Message{Topic: "x", Retain: true}); err == nil {
				t.Error("Publish retains")
			}
			w.settle() // $SYS has been published
			a.subscribe("$SYS/#", 0)
			a.send(message("x", "payload", 0, retained))
			a.ended(packets.RetainNotSupported)
			if n := w.b.Stats().Retained; n != 0 {
				t.Errorf("%d messages are retained", n)
			}
		})
	}
}

// Section 3.2.2.3.11 to 3.2.2.3.13. [MQTT3-3.8.3-2]
func TestWithoutSubscriptions(t *testing.T) {
	for _, c := range []struct {
		without Features
		filter  string
		reason  packets.ReasonCode
		told    func(*packets.ConnackProps) (bool, bool)
	}{
		{WildcardSubscriptions, "x/+", packets.WildcardSubscriptionsNotSupported, (*packets.ConnackProps).WildcardSubscriptionAvailable},
		{WildcardSubscriptions, "$share/g/#", packets.WildcardSubscriptionsNotSupported, (*packets.ConnackProps).WildcardSubscriptionAvailable},
		{SharedSubscriptions, "$share/g/x", packets.SharedSubscriptionsNotSupported, (*packets.ConnackProps).SharedSubscriptionAvailable},
	} {
		for _, v := range versions {
			run(t, Config{Without: c.without}, func(w *world) {
				a, ack := w.connack(v)
				if available, said := c.told(&ack.Props); v == packets.V5 && (!said || available) {
					t.Errorf("%s is not told", c.without)
				}
				a.subscribe("x/y", 1)
				a.send(&packets.Subscribe{PacketID: 2, Filters: []packets.Subscription{{Filter: []byte(c.filter)}}})
				if v == packets.V311 {
					a.want("SUBACK packet-id=2 reason=0x80")
					a.quiet()
					return
				}
				a.ended(c.reason)
			})
		}
	}
	run(t, Config{Without: SubscriptionIdentifiers}, func(w *world) {
		a, ack := w.connack(packets.V5)
		if available, said := ack.Props.SubscriptionIdentifierAvailable(); !said || available {
			t.Error("not told")
		}
		s := &packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("x")}}}
		s.Props.SetSubscriptionIdentifier(1)
		a.send(s)
		a.ended(packets.SubscriptionIdentifiersNotSupported)
	})
}

// A client of 5.0 is told a shorter keep alive, and has it; others have their own.
// [MQTT-3.2.2-21] [MQTT-3.2.2-22] [MQTT-3.1.2-22]
func TestV5_3_2_2_21_ServerKeepAlive(t *testing.T) {
	for _, c := range []struct {
		v           packets.Version
		asked, told uint16
		ends        time.Duration // 0 for never
	}{
		{packets.V5, 0, 11, 16500 * time.Millisecond},
		{packets.V5, 12, 11, 16500 * time.Millisecond},
		{packets.V5, 11, 0, 16500 * time.Millisecond},
		{packets.V5, 2, 0, 3 * time.Second},
		{packets.V311, 0, 0, 0},
		{packets.V311, 12, 0, 18 * time.Second},
		{packets.V31, 12, 0, 18 * time.Second},
	} {
		run(t, Config{MaximumKeepAlive: 10500 * time.Millisecond}, func(w *world) {
			began := time.Now()
			a, ack := w.connack(c.v, func(p *packets.Connect) { p.KeepAlive = c.asked })
			if told, said := ack.Props.ServerKeepAlive(); told != c.told || said != (c.told != 0) {
				t.Errorf("%+v: told %d", c, told)
			}
			if c.ends == 0 {
				if x, err := a.read(100 * time.Hour); time.Since(began) != 100*time.Hour {
					t.Errorf("%+v: got %v %v after %s", c, x, err, time.Since(began))
				}
				return
			}
			for c.v == packets.V5 {
				if x, err := a.read(time.Hour); err != nil || x.Type() == packets.TypeDisconnect {
					break
				}
			}
			if _, err := a.read(time.Hour); err == nil || time.Since(began) != c.ends {
				t.Errorf("%+v: %v after %s", c, err, time.Since(began))
			}
		})
	}
}

func TestFeaturesConfig(t *testing.T) {
	for want, config := range map[string]Config{
		"Config.Without is QoS2|Features(0x80): ":   {Without: QoS2 | 0x80},
		"Config.MaximumKeepAlive is 18h12m16s: ":    {MaximumKeepAlive: 65536 * time.Second},
		"Config.MaximumKeepAlive is -1s: expected ": {MaximumKeepAlive: -time.Second},
	} {
		if _, err := New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
