package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// bodies are those of all that comes within a second, as they come.
func (p *peer) bodies() (all []string) {
	p.Helper()
	for x, err := p.read(time.Second); err == nil; x, err = p.read(time.Second) {
		m, ok := x.(*packets.Publish)
		if !ok {
			p.Fatalf("got %s", x)
		}
		all = append(all, string(m.Payload))
	}
	return all
}

// What waits for a member of a shared subscription waits for it behind a restart, and
// goes to another when its session ends; what it has been sent at QoS 2 stays with it.
// [MQTT-4.8.2-4] [MQTT-4.8.2-5] [MQTT-4.8.2-6]
func TestRestartKeepsShared(t *testing.T) {
	twice(t, Config{}, func(w *world, again func()) {
		w.absent(packets.V5, "one", "$share/g/x", "own")
		a := w.join(packets.V5, "a")
		for i := range 3 {
			a.passes(message("x", fmt.Sprint("shared ", i), 1), message("own", fmt.Sprint("own ", i), 1))
		}
		again()
		one := w.resume(packets.V5, "one", func(c *packets.Connect) { c.Props.SetReceiveMaximum(1) })
		one.want(`PUBLISH qos=1 topic=x packet-id=1 payload="shared 0"`)
		one.lose()
		again()
		two := w.join(packets.V5, "two", keeping(forever))
		two.subscribe("$share/g/x", 1)
		one = w.resume(packets.V5, "one", func(c *packets.Connect) { c.Props.SetReceiveMaximum(1) })
		one.want(`PUBLISH dup qos=1 topic=x packet-id=1 payload="shared 0"`)
		one.lose() // and what it has not been sent moves on
		if got := two.bodies(); !slices.Equal(got, []string{"shared 1", "shared 2"}) {
			t.Errorf("two has %q", got)
		}
		again()
		if err := w.b.EndSession("one"); err != nil {
			t.Fatal(err)
		}
		two = w.resume(packets.V5, "two")
		if got := two.bodies(); !slices.Equal(got, []string{"shared 1", "shared 2", "shared 0"}) {
			t.Errorf("two has %q", got)
		}
	})
}

// When a session ends, what others are to get is theirs before the session is out of
// the store: the process may end in between. [MQTT-4.8.2-5]
func TestCrashWhileSessionEnds(t *testing.T) {
	runStored(t, Config{}, func(w *world) {
		w.absent(packets.V5, "watcher", "will")
		one := w.join(packets.V5, "one", keeping(60), leaving(1, 100))
		one.subscribe("$share/g/x", 1)
		one.lose()
		w.join(packets.V5, "a").passes(message("x", "1", 1), message("x", "2", 1))
		w.absent(packets.V5, "two", "$share/g/x")
		w.hold()
		if err := w.b.EndSession("one"); err != nil {
			t.Fatal(err)
		}
		w.settle()
		w.commitOne()
		w.crash()
		time.Sleep(time.Hour) // which is the end of the session, if it is there
		if got := w.resume(packets.V5, "two").bodies(); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("two has %q", got)
		}
		if got := w.resume(packets.V5, "watcher").bodies(); !slices.Equal(got, []string{"died"}) {
			t.Errorf("watcher has %q", got)
		}
	})
}

// A message is Published once, also if it moves on from one member to another.
type countPublished struct{ n atomic.Int64 }

func (h *countPublished) Published(Published) { h.n.Add(1) }

func TestStoredSharedIsPublishedOnce(t *testing.T) {
	h := new(countPublished)
	runStored(t, Config{Hooks: h}, func(w *world) {
		h.n.Store(0)
		w.absent(packets.V5, "one", "$share/g/x")
		w.join(packets.V5, "a").passes(message("x", "1", 1))
		w.absent(packets.V5, "two", "$share/g/x")
		if err := w.b.EndSession("one"); err != nil {
			t.Fatal(err)
		}
		w.resume(packets.V5, "two").want(`PUBLISH qos=1 topic=x packet-id=1 payload="1"`)
		if n := h.n.Load(); n != 1 {
			t.Errorf("Published %d times", n)
		}
	})
}

// What expires in the store is not sent, and does not stay there; what has been sent at
// QoS 2 is brought to its end. [MQTT-3.3.2-5] [MQTT-3.3.2-6]
func TestRestartCountsMessageExpiry(t *testing.T) {
	twice(t, Config{}, func(w *world, again func()) {
		w.absent(packets.V5, "b", "x")
		a := w.join(packets.V5, "a")
		a.passes(message("x", "begun", 2, lasting(30)), message("x", "short", 1, lasting(30)), message("x", "long", 1, lasting(100)))
		b := w.resume(packets.V5, "b", func(c *packets.Connect) { c.Props.SetReceiveMaximum(1) })
		b.next()
		b.lose()
		time.Sleep(20 * time.Second)
		again()
		time.Sleep(20 * time.Second)
		b = w.resume(packets.V5, "b", func(c *packets.Connect) { c.Props.SetReceiveMaximum(1) })
		if m := b.next().(*packets.Publish); string(m.Payload) != "begun" || !m.Dup {
			t.Errorf("got %s", m)
		}
		b.send(&packets.Pubrec{PacketID: 1})
		b.want("PUBREL packet-id=1")
		b.send(&packets.Pubcomp{PacketID: 1})
		m := b.next().(*packets.Publish)
		if left, _ := m.Props.MessageExpiryInterval(); string(m.Payload) != "long" || left < 56 || left > 60 {
			t.Errorf("got %s", m)
		}
		b.send(&packets.Puback{PacketID: m.PacketID})
		b.quiet()
		again()
		if n := w.records("m"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

// What is too large for the receiver is not sent, and does not stay in the store.
// [MQTT-3.1.2-24] [MQTT-3.1.2-25]
func TestRestartDropsWhatIsTooLarge(t *testing.T) {
	twice(t, Config{}, func(w *world, again func()) {
		w.absent(packets.V5, "b", "x")
		large := strings.Repeat("x", 1000)
		a := w.join(packets.V5, "a")
		a.passes(message("x", large, 2), message("x", large, 1), message("x", large, 2), message("x", "small", 1))
		b := w.resume(packets.V5, "b", func(c *packets.Connect) { c.Props.SetReceiveMaximum(2) })
		b.next()
		b.next()
		b.lose()
		again()
		b = w.resume(packets.V5, "b", func(c *packets.Connect) { c.Props.SetMaximumPacketSize(500) })
		b.want("PUBREL packet-id=1", `PUBLISH qos=1 topic=x packet-id=4 payload="small"`)
		b.send(&packets.Pubcomp{PacketID: 1}, &packets.Puback{PacketID: 4})
		b.quiet()
		again()
		if n := w.records("em"); n != 0 {
			t.Errorf("%d records are left", n)
		}
	})
}

// A client that must not subscribe any more gets nothing of what is in the store alone,
// and what it has begun to receive at QoS 2 is ended with PUBREL.
func TestRestartRevokes(t *testing.T) {
	var refused atomic.Bool
	twice(t, Config{Authorize: func(_ context.Context, a *Access) error {
		if refused.Load() && a.Action == ToSubscribe && a.Topic == "x" {
			return Refuse(packets.NotAuthorized)
		}
		return nil
	}}, func(w *world, again func()) {
		refused.Store(false)
		w.absent(packets.V5, "b", "x", "y", "$share/g/x")
		a := w.join(packets.V5, "a")
		a.passes(message("x", "begun", 2), message("y", "begun", 2))
		b := w.resume(packets.V5, "b")
		if got := b.bodies(); len(got) != 3 {
			t.Fatalf("got %q", got)
		}
		b.lose()
		w.absent(packets.V5, "heir", "$share/g/+")
		for i := range 300 {
			a.passes(message("x", fmt.Sprint("x ", i), 1), message("y", fmt.Sprint("y ", i), 1))
		}
		again()
		refused.Store(true)
		b = w.resume(packets.V5, "b")
		var released, dup, fresh int
		for x, err := b.read(time.Second); err == nil; x, err = b.read(time.Second) {
			switch x := x.(type) {
			case *packets.Pubrel:
				released++
				b.send(&packets.Pubcomp{PacketID: x.PacketID})
			case *packets.Publish:
				if string(x.Topic) != "y" {
					t.Fatalf("got %s", x)
				}
				if x.Dup {
					dup++
					b.send(&packets.Pubrec{PacketID: x.PacketID})
				} else {
					if want := fmt.Sprint("y ", fresh); string(x.Payload) != want {
						t.Fatalf("got %s, want %s", x, want)
					}
					fresh++
					b.send(&packets.Puback{PacketID: x.PacketID})
				}
			}
		}
		if released != 3 || dup != 1 || fresh != 300 {
			t.Errorf("%d released, %d begun, %d new", released, dup, fresh)
		}
	})
}
