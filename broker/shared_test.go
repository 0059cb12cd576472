package broker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// members are n clients that share a subscription at QoS 1.
func (w *world) members(v packets.Version, n int, filter string) (all []*peer) {
	for i := range n {
		p := w.join(v, fmt.Sprint("m", i), keeping(100))
		p.subscribe(filter, 1)
		all = append(all, p)
	}
	return all
}

// got is what has come to each, without an acknowledgement.
func got(all []*peer) (payloads [][]string) {
	for _, p := range all {
		var s []string
		for {
			x, err := p.read(time.Millisecond)
			if err != nil {
				break
			}
			s = append(s, string(x.(*packets.Publish).Payload))
		}
		payloads = append(payloads, s)
	}
	return payloads
}

// Each message goes to one member of each group, and to those who do not share.
func TestSharedSubscription(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a, single := w.join(v, "a"), w.join(v, "single")
			single.subscribe("x/#", 0)
			first := w.members(v, 3, "$share/g/x/+")
			first[0].subscribe("$share/other/x/y", 0)
			for i := range 6 {
				a.passes(message("x/y", fmt.Sprint(i), 1))
				single.want(fmt.Sprintf(`PUBLISH topic=x/y payload="%d"`, i))
			}
			all := got(first)
			if len(all[0]) != 2+6 || !slices.Equal(all[1], []string{"1", "4"}) || !slices.Equal(all[2], []string{"2", "5"}) {
				t.Errorf("%q", all)
			}
			first[1].send(&packets.Unsubscribe{PacketID: 5, Filters: [][]byte{[]byte("$share/g/x/+"), []byte("x/+")}})
			first[1].next()
			for i := range 6 {
				a.passes(message("x/y", fmt.Sprint(i), 1))
			}
			if n := len(got(first[1:2])[0]); n != 0 {
				t.Errorf("%d after UNSUBSCRIBE", n)
			}
		})
	}
}

// A shared subscription gets no retained messages, and the options of the member
// that gets a message hold. [MQTT-4.8.2-3], section 4.8.2
func TestV5_4_8_2_3_SharedOptions(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a")
		a.passes(message("x", "old", 1, retained))
		b, c := w.join(packets.V5, "b"), w.join(packets.V5, "c")
		b.labeled(9, "$share/g/x", 0)
		c.subscribe("$share/g/x", 2, func(s *packets.Subscription) { s.RetainAsPublished = true })
		b.quiet()
		a.passes(message("x", "1", 1, retained), message("x", "2", 1, retained))
		b.want(`PUBLISH topic=x subscription-identifier=9 payload="1"`)
		c.want(`PUBLISH qos=1 retain topic=x packet-id=1 payload="2"`)
		c.subscribe("$share/g/x", 0) // in the place of the old one
		a.passes(message("x", "3", 1), message("x", "4", 1))
		c.want(`PUBLISH topic=x payload="4"`)
	})
}

// Sharing is the same in all versions, and so is what is no shared subscription.
// [MQTT-4.8.2-1] [MQTT-4.8.2-2]
func TestV5_4_8_2_1_NotAFilter(t *testing.T) {
	for _, filter := range []string{"$share/g", "$share//x", "$share/g/", "$share/+/x", "$share/#"} {
		for _, v := range versions {
			run(t, Config{}, func(w *world) {
				a := w.join(v, "a")
				a.send(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte(filter)}}})
				if v == packets.V311 {
					a.want("SUBACK packet-id=1 reason=0x80")
					return
				}
				a.ended(packets.TopicFilterInvalid)
			})
		}
	}
}

func TestSharing(t *testing.T) {
	spread := func(all [][]string) (n []int) {
		for _, s := range all {
			n = append(n, len(s))
		}
		return n
	}
	publish := func(w *world) {
		for from := range 4 {
			a := w.join(packets.V5, fmt.Sprint("from", from))
			for i := range 6 {
				a.passes(message(fmt.Sprint("x/", i), fmt.Sprint(from, "/", i), 1))
			}
		}
	}
	// one is the member that has got all with this property, for each.
	one := func(t *testing.T, all [][]string, property int) {
		owner := map[byte]int{}
		for i, s := range all {
			for _, payload := range s {
				if j, ok := owner[payload[property]]; ok && j != i {
					t.Errorf("%q", all)
				}
				owner[payload[property]] = i
			}
		}
	}
	for sharing, check := range map[Sharing]func(*testing.T, [][]string){
		RoundRobin: func(t *testing.T, all [][]string) {
			if n := spread(all); !slices.Equal(n, []int{8, 8, 8}) {
				t.Errorf("%v", n)
			}
		},
		LeastInFlight: func(t *testing.T, all [][]string) {
			if n := spread(all); !slices.Equal(n, []int{8, 8, 8}) {
				t.Errorf("%v", n)
			}
		},
		HashClient: func(t *testing.T, all [][]string) { one(t, all, 0) },
		HashTopic:  func(t *testing.T, all [][]string) { one(t, all, 2) },
		Sticky: func(t *testing.T, all [][]string) {
			if n := spread(all); slices.Max(n) != 24 {
				t.Errorf("%v", n)
			}
		},
	} {
		t.Run(sharing.String(), func(t *testing.T) {
			run(t, Config{SharingOf: map[string]Sharing{"g": sharing}}, func(w *world) {
				all := w.members(packets.V5, 3, "$share/g/x/+")
				publish(w)
				check(t, got(all))
			})
		})
	}
}

// Who has more to do gets less.
func TestLeastInFlight(t *testing.T) {
	run(t, Config{Sharing: LeastInFlight}, func(w *world) {
		a, all := w.join(packets.V5, "a"), w.members(packets.V5, 2, "$share/g/x")
		all[0].subscribe("own", 1)
		for range 4 {
			a.passes(message("own", "", 1))
			all[0].next()
		}
		for range 4 {
			a.passes(message("x", "", 1))
			all[1].next()
		}
		a.passes(message("x", "", 1), message("x", "", 1))
		all[0].next()
		all[1].next()
	})
}

// Who is absent gets nothing while another is there. When nobody is, messages
// wait.
func TestSharedAmongAbsent(t *testing.T) {
	for sharing := range endOfSharing {
		run(t, Config{Sharing: sharing}, func(w *world) {
			a, all := w.join(packets.V5, "a"), w.members(packets.V5, 3, "$share/g/x")
			all[0].lose()
			all[2].lose()
			for i := range 3 {
				a.passes(message("x", fmt.Sprint(i), 1))
				all[1].want(fmt.Sprintf(`PUBLISH qos=1 topic=x packet-id=%d payload="%d"`, i+1, i))
				all[1].send(&packets.Puback{PacketID: uint16(i + 1)})
			}
			all[1].lose()
			for i := range 6 {
				a.passes(message("x", fmt.Sprint(i), 1))
			}
			for i := range all {
				all[i] = w.resume(packets.V5, fmt.Sprint("m", i))
			}
			if s := slices.Concat(got(all)...); len(s) != 6 {
				t.Errorf("%s: %q", sharing, s)
			}
		})
	}
}

// What a member has not acknowledged at QoS 1 when its session ends, and what
// waits for it, goes to another. A QoS 2 message whose delivery has begun does
// not [MQTT-4.8.2-5]; nor does what a member refuses [MQTT-4.8.2-6].
func TestV5_4_8_2_5_SharedRedelivery(t *testing.T) {
	run(t, Config{Sharing: Sticky}, func(w *world) {
		a := w.join(packets.V5, "a")
		b := w.join(packets.V5, "b", keeping(10), func(c *packets.Connect) { c.Props.SetReceiveMaximum(4) })
		c := w.join(packets.V5, "c")
		b.subscribe("$share/g/x", 2)
		c.subscribe("$share/g/x", 2)
		for i := range 6 {
			a.passes(message("x", fmt.Sprint(i), 1+packets.QoS(i%2)))
		}
		for range 4 {
			b.next()
		}
		b.send(&packets.Puback{PacketID: 3, Reason: packets.QuotaExceeded})
		b.want(`PUBLISH qos=1 topic=x packet-id=5 payload="4"`) // and "5" waits
		b.lose()
		begin := time.Now()
		c.want(`PUBLISH qos=2 topic=x packet-id=1 payload="5"`) // whose delivery had not begun
		c.wantAt(begin, 10*time.Second, `PUBLISH qos=1 topic=x packet-id=2 payload="0"`)
		c.want(`PUBLISH qos=1 topic=x packet-id=3 payload="4"`)
		c.quiet()
	})
}

// What waits for a member that goes, goes to another that is there; what it has
// been sent waits for it.
func TestSharedBacklogMovesOn(t *testing.T) {
	runInMemory(t, Config{Sharing: Sticky}, func(w *world) {
		a, c := w.join(packets.V5, "a"), w.join(packets.V5, "c", keeping(forever))
		b := w.join(packets.V5, "b", keeping(forever), func(c *packets.Connect) { c.Props.SetReceiveMaximum(1) })
		b.subscribe("$share/g/x", 2)
		c.subscribe("$share/g/x", 2)
		b.subscribe("own", 1)
		a.passes(message("x", "0", 1), message("x", "1", 1), message("own", "own", 1), message("x", "2", 2))
		b.next()
		young := w.resume(packets.V5, "b", func(c *packets.Connect) { c.Props.SetReceiveMaximum(1) })
		b.ended(packets.SessionTakenOver)
		young.want(`PUBLISH dup qos=1 topic=x packet-id=1 payload="0"`)
		c.quiet() // nobody has gone
		young.lose()
		c.want(`PUBLISH qos=1 topic=x packet-id=1 payload="1"`, `PUBLISH qos=2 topic=x packet-id=2 payload="2"`)
		c.lose() // and nobody is there
		b = w.resume(packets.V5, "b")
		b.want(`PUBLISH dup qos=1 topic=x packet-id=1 payload="0"`, `PUBLISH qos=1 topic=own packet-id=2 payload="own"`)
		b.quiet()
	})
}

// A QoS 2 message under way is carried to its end by the same member.
// [MQTT-4.8.2-4]
func TestV5_4_8_2_4_SharedQoS2(t *testing.T) {
	run(t, Config{Sharing: Sticky}, func(w *world) {
		a, b, c := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(10)), w.join(packets.V5, "c")
		b.subscribe("$share/g/x", 2)
		c.subscribe("$share/g/x", 2)
		a.passes(message("x", "1", 2), message("x", "2", 2))
		b.next()
		b.next()
		b.send(&packets.Pubrec{PacketID: 1})
		b.next()
		b.lose()
		b = w.resume(packets.V5, "b")
		b.want("PUBREL packet-id=1", `PUBLISH dup qos=2 topic=x packet-id=2 payload="2"`)
		c.quiet()
	})
}

func TestSharingConfig(t *testing.T) {
	for _, config := range []Config{{Sharing: endOfSharing}, {SharingOf: map[string]Sharing{"g": 99}}} {
		if _, err := New(config); err == nil {
			t.Errorf("accepted %+v", config)
		}
	}
}

// Members come and go while messages pass: each message at QoS 1 comes to
// somebody.
func TestSharedChurn(t *testing.T) {
	run(t, Config{Sharing: RoundRobin}, func(w *world) {
		a, stays := w.join(packets.V5, "a"), w.join(packets.V5, "stays")
		stays.subscribe("$share/g/x", 1)
		seen := map[string]bool{}
		for i := range 100 {
			p := w.join(packets.V5, "comes")
			p.subscribe("$share/g/x", 1)
			for k := range 4 {
				a.passes(message("x", fmt.Sprint(i, "/", k), 1))
			}
			p.nc.Close() // with what it has not acknowledged
			w.settle()   // or the next could get it before its SUBACK
		}
		for len(seen) < 400 {
			p := stays.next().(*packets.Publish)
			seen[string(p.Payload)] = true
			stays.send(&packets.Puback{PacketID: p.PacketID})
		}
		stays.quiet()
	})
}
