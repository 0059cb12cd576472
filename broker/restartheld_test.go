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

// forbid is an Authorize that refuses these topics to all.
func forbid(topics ...string) func(context.Context, *Access) error {
	return func(_ context.Context, a *Access) error {
		for _, topic := range topics {
			if a.Topic == topic {
				return Refuse(packets.NotAuthorized)
			}
		}
		return nil
	}
}

// A message at QoS 2 that is refused is acknowledged before 5.0, and its exchange goes
// to its end. [MQTT3-3.3.5-2]
func TestRefusedQoS2IsStoredToo(t *testing.T) {
	for _, v := range modern {
		for _, cut := range []bool{false, true} {
			runStored(t, Config{Authorize: forbid("no")}, func(w *world) {
				a := w.join(v, "a", keeping(forever))
				a.send(message("no", "", 2))
				if v == packets.V5 {
					a.want("PUBREC packet-id=1 reason=0x87")
				} else {
					a.want("PUBREC packet-id=1")
				}
				if cut {
					w.crash()
					a = w.resume(v, "a")
				}
				a.send(&packets.Pubrel{PacketID: 1})
				if p, ok := a.next().(*packets.Pubcomp); !ok || p.PacketID != 1 {
					t.Errorf("PUBCOMP %v", p)
				}
				a.passes(message("yes", "", 2))
			})
		}
	}
}

// A session can end while an answer to a message that is refused has to wait for that
// to a message before it.
func TestRefusedBehindTheStore(t *testing.T) {
	runStored(t, Config{Authorize: forbid("no")}, func(w *world) {
		w.absent(packets.V5, "b", "x")
		a := w.join(packets.V5, "a", keeping(forever))
		w.hold()
		a.send(message("x", "1", 2), message("no", "", 2, numbered(2)))
		a.quiet()
		a.lose()
		if err := w.b.EndSession("a"); err != nil {
			t.Error(err)
		}
		w.release()
		w.resume(packets.V5, "b").want(`PUBLISH qos=2 topic=x packet-id=1 payload="1"`)
	})
}

// An identifier is not given to another message while PUBCOMP for it is on its way,
// also if all messages behind it have been acknowledged and the process has ended:
// the client would take PUBREL for the first as one for the second.
func TestRestartDoesNotReuseIdentifiers(t *testing.T) {
	runStored(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a", keeping(forever)), w.join(packets.V5, "b", keeping(forever))
		b.subscribe("x", 2)
		for i := range uint16(3) {
			a.passes(message("x", fmt.Sprint(i), 2))
			b.next()
			b.send(&packets.Pubrec{PacketID: i + 1})
			b.want(fmt.Sprintf("PUBREL packet-id=%d", i+1))
		}
		w.crash()
		a, b = w.resume(packets.V5, "a"), w.resume(packets.V5, "b")
		b.want("PUBREL packet-id=1", "PUBREL packet-id=2", "PUBREL packet-id=3")
		a.passes(message("x", "new", 2))
		b.want(`PUBLISH qos=2 topic=x packet-id=4 payload="new"`)
	})
}

// Many messages for a client that is absent, more than are in memory at once, come in
// their order, and each once if it is acknowledged, whatever its Receive Maximum, also
// if it goes away in between and the process ends. [MQTT-4.6.0-6] [MQTT-3.3.4-9]
func TestRestartKeepsOrder(t *testing.T) {
	const n = 2000
	for _, v := range modern {
		twice(t, Config{ReceiveMaximum: 2 * n}, func(w *world, again func()) {
			w.absent(v, "b", "x")
			a := w.join(packets.V5, "a")
			for i := range uint16(n) {
				a.send(message("x", fmt.Sprint(i), 2, numbered(i+1)))
				if i%100 == 99 {
					for range 100 {
						a.next()
					}
				}
			}
			a.lose()
			next := 0
			var began map[uint16]bool
			for round := 0; next < n; round++ {
				switch round % 4 {
				case 1:
					again()
				case 3:
					w.crash()
				}
				b := w.resume(v, "b", func(c *packets.Connect) { c.Props.SetReceiveMaximum(uint16(1 + round%10)) })
				began = b.drain(&next, next+170+round, began)
				b.lose()
			}
		})
	}
}

// drain takes messages at QoS 2 until that with the number until has come, and answers
// each step. Began are the identifiers of those whose PUBREL has not come yet.
func (p *peer) drain(next *int, until int, began map[uint16]bool) map[uint16]bool {
	p.Helper()
	if began == nil {
		began = make(map[uint16]bool)
	}
	for *next < until {
		x, err := p.read(time.Second)
		if err != nil {
			return began // there are no more
		}
		switch x := x.(type) {
		case *packets.Publish:
			if !began[x.PacketID] {
				if string(x.Payload) != fmt.Sprint(*next) {
					p.Fatalf("%s, want number %d", x, *next)
				}
				*next++
			} else if !x.Dup {
				p.Fatalf("again without DUP: %s", x)
			}
			began[x.PacketID] = true
			p.send(&packets.Pubrec{PacketID: x.PacketID})
		case *packets.Pubrel:
			delete(began, x.PacketID)
			p.send(&packets.Pubcomp{PacketID: x.PacketID})
		}
	}
	return began
}

// What waits in the store alone counts as what waits in memory does.
func TestRestartKeepsLimits(t *testing.T) {
	for _, c := range []struct {
		overflow Overflow
		want     string
	}{
		{DropOldest, "7 8 9"}, {DropNewest, "0 1 2"}, {DisconnectSlow, "0 1 2"}, {RefusePublish, "0 1 2"},
	} {
		twice(t, Config{Overflow: c.overflow, MaximumQueuedMessages: 3}, func(w *world, again func()) {
			w.absent(packets.V5, "b", "x")
			for i := range 10 {
				if i == 2 || i == 5 {
					time.Sleep(time.Second) // what is dropped goes with the next commit
					again()
				}
				w.join(packets.V5, "a").passes(message("x", fmt.Sprint(i), 1))
			}
			time.Sleep(time.Second)
			again()
			b := w.resume(packets.V5, "b")
			var got []string
			for x, err := b.read(time.Second); err == nil; x, err = b.read(time.Second) {
				got = append(got, string(x.(*packets.Publish).Payload))
			}
			if strings.Join(got, " ") != c.want {
				w.Errorf("%s: got %s, want %s\n%s", c.overflow, got, c.want, w.log)
			}
		})
	}
}

// While nothing can be stored a client can come back to its session, but PUBREL for a
// PUBREC that is not stored does not come, and not before it is. [MQTT-4.3.3-4]
func TestPubrelWaitsForTroubleToEnd(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{}, func(w *world) {
			a, b := w.join(v, "a"), w.join(v, "b", keeping(forever))
			b.subscribe("x", 2)
			a.passes(message("x", "one", 2), message("x", "two", 2))
			b.want(`PUBLISH qos=2 topic=x packet-id=1 payload="one"`, `PUBLISH qos=2 topic=x packet-id=2 payload="two"`)
			w.kept().Refuse(errors.New("disk full"))
			b.send(&packets.Pubrec{PacketID: 1}, &packets.Pubrec{PacketID: 2})
			b.quiet()
			b.lose()
			b = w.resume(v, "b")
			b.quiet()
			w.kept().Refuse(nil)
			b.want("PUBREL packet-id=1", "PUBREL packet-id=2")
			b.send(&packets.Pubcomp{PacketID: 1}, &packets.Pubcomp{PacketID: 2})
			b.quiet()
		})
	}
}

// What the broker says of itself is not stored.
func TestSysIsNotStored(t *testing.T) {
	runStored(t, Config{SysInterval: time.Second}, func(w *world) {
		subscribe := &packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("$SYS/#"), QoS: 2}}}
		a, b := w.join(packets.V5, "absent", keeping(forever)), w.join(packets.V5, "b", keeping(forever))
		a.send(subscribe)
		w.settle()
		a.lose()
		b.send(subscribe)
		for range 51 { // SUBACK may come between them
			if m, ok := b.next().(*packets.Publish); ok && m.QoS != 0 {
				t.Errorf("got %s", m)
			}
		}
		w.crash()
		if n := w.records("mr"); n != 0 {
			t.Errorf("%d messages are stored", n)
		}
	})
}
