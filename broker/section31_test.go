package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// What the flags say of a will. [MQTT-3.1.2-14] [MQTT3-3.1.2-12] [MQTT3-3.1.2-16]
func TestV3_3_1_2_12_WillFlags(t *testing.T) {
	for _, v := range versions {
		for _, c := range []struct {
			more            func(*packets.Connect)
			published, kept bool
		}{
			{func(*packets.Connect) {}, false, false},
			{will("w", "died"), true, false},
			{func(p *packets.Connect) { will("w", "died")(p); p.WillRetain = true }, true, true},
		} {
			run(t, Config{}, func(w *world) {
				watcher := w.join(packets.V5, "watcher")
				watcher.subscribe("#", 0)
				w.join(v, "a", c.more).lose()
				if c.published {
					watcher.want(`PUBLISH topic=w payload="died"`)
				}
				watcher.quiet()
				late := w.join(packets.V5, "late")
				late.subscribe("#", 0)
				if c.kept {
					late.want(`PUBLISH retain topic=w payload="died"`)
				}
				late.quiet()
			})
		}
	}
}

// [MQTT-3.1.2-28]
func TestV5_3_1_2_28_NoResponseInformation(t *testing.T) {
	run(t, Config{}, func(w *world) {
		for _, asked := range []bool{false, true} {
			a := w.dial(packets.V5)
			a.connect("a", func(c *packets.Connect) { c.Props.SetRequestResponseInformation(asked) })
			if got, ok := a.next().(*packets.Connack).Props.ResponseInformation(); ok {
				t.Errorf("asked for it: %t, got %q", asked, got)
			}
			a.send(&packets.Disconnect{})
			a.closed()
		}
	})
}

// Each client identifier has a session of its own, under all connections.
// [MQTT-3.1.3-2] [MQTT3-3.1.3-2]
func TestV5_3_1_3_2_IdentifierIsTheKey(t *testing.T) {
	run(t, Config{}, func(w *world) {
		pub := w.join(packets.V5, "pub")
		ids := []string{"a", "A", "ab", "a/b", "a.b"}
		for _, id := range ids {
			p := w.join(packets.V311, id, keeping(forever))
			p.subscribe("to/"+id, 1)
			p.lose()
			pub.passes(message("to/"+id, id, 1))
		}
		for _, id := range ids {
			p := w.resume(packets.V311, id)
			p.want(fmt.Sprintf("PUBLISH qos=1 topic=to/%s packet-id=1 payload=%q", id, id))
			p.quiet()
		}
	})
}

// [MQTT-3.1.3-5] [MQTT3-3.1.3-5]
func TestV5_3_1_3_5_IdentifiersOfDigitsAndLetters(t *testing.T) {
	const all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			for i := range all {
				w.join(v, all[i:min(len(all), i+1+i%23)])
			}
			for n := 1; n <= 23; n++ {
				w.join(v, strings.Repeat("z", n-1)+"Z")
			}
		})
	}
}

// Longer ones are as good, also in 3.1, and count to their last character.
func TestLongIdentifiers(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			for _, n := range []int{23, 100, 65534} {
				first := w.join(v, strings.Repeat("z", n)+"1")
				w.join(v, strings.Repeat("z", n)+"2")
				first.quiet()
			}
		})
	}
}

// [MQTT-3.1.4-6] [MQTT3-3.1.4-5]
func TestV5_3_1_4_6_NothingAfterARefusal(t *testing.T) {
	config := Config{Authenticate: func(_ context.Context, l *Login) error {
		if l.ClientID == "bad" {
			return errors.New("no")
		}
		return nil
	}}
	for _, v := range versions {
		run(t, config, func(w *world) {
			watcher := w.join(packets.V5, "watcher")
			watcher.subscribe("#", 0)
			bad := w.dial(v)
			go bad.send(&packets.Connect{ClientID: []byte("bad"), CleanStart: true}, message("x", "not read", 0, retained))
			if a, ok := bad.next().(*packets.Connack); !ok || a.Reason == packets.Success {
				t.Errorf("got %v", a)
			}
			bad.closed()
			watcher.quiet()
			if n := w.b.Stats().Retained; n != 0 {
				t.Errorf("%d retained messages", n)
			}
		})
	}
}

// The broker announces nothing that it has not, so it has to have all, and nothing
// that a client sends is ruled out. [MQTT-3.2.2-9] [MQTT-3.2.2-11] [MQTT-3.2.2-14]
func TestV5_3_2_2_9_WhatIsNotAnnouncedIsThere(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.dial(packets.V5)
		a.connect("a", will("w", "died"), func(c *packets.Connect) { c.WillQoS, c.WillRetain = 2, true })
		ack := a.next().(*packets.Connack)
		has := ack.Props.Has()
		for _, p := range []packets.Property{
			packets.PropMaximumQoS, packets.PropRetainAvailable, packets.PropWildcardSubscriptionAvailable,
			packets.PropSubscriptionIdentifierAvailable, packets.PropSharedSubscriptionAvailable,
		} {
			if has.Has(p) {
				t.Errorf("announces %s", p)
			}
		}
		b := w.join(packets.V5, "b")
		b.labeled(1, "#", 2)
		a.passes(message("x", "best", 2, retained))
		b.want(`PUBLISH qos=2 topic=x packet-id=1 subscription-identifier=1 payload="best"`)
	})
}

// A server sends one CONNACK. [MQTT-3.2.0-2]
func TestV5_3_2_0_2_OneConnack(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a := w.join(v, "a", keeping(60))
			a.quiet()
			a.lose()
			a = w.resume(v, "a")
			a.subscribe("x", 0)
			time.Sleep(time.Minute)
			a.quiet()
		})
	}
}
