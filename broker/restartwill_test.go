package broker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// leaving is a will at that QoS with that delay.
func leaving(qos packets.QoS, delay uint32) func(*packets.Connect) {
	return func(c *packets.Connect) {
		delayed(delay)(c)
		c.WillQoS = qos
	}
}

// A will is published once, and when it is due: that of a client which was there counts
// from the restart. [MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-10]
func TestRestartKeepsWills(t *testing.T) {
	runStored(t, Config{}, func(w *world) {
		for _, id := range []string{"watcher 0", "watcher 1"} {
			w.absent(packets.V5, id, "will")
		}
		w.join(packets.V5, "absent", keeping(forever), leaving(1, 60)).lose()
		w.join(packets.V5, "overdue", keeping(forever), leaving(1, 30)).lose()
		w.join(packets.V5, "there", keeping(forever), leaving(1, 60))
		w.join(packets.V5, "undelayed", keeping(forever), leaving(1, 0))
		w.join(packets.V5, "over", keeping(25), leaving(1, 60)).lose()
		farewell := w.join(packets.V5, "farewell", keeping(forever), leaving(1, 0))
		farewell.send(new(packets.Disconnect))
		farewell.closed()
		back := w.join(packets.V5, "back", keeping(forever), leaving(1, 60))
		back.lose()
		w.resume(packets.V5, "back").lose() // without a will
		time.Sleep(20 * time.Second)
		w.kill()
		time.Sleep(20 * time.Second)
		w.begin()
		begin := time.Now()
		one := w.resume(packets.V5, "watcher 1")
		var got []time.Duration
		for range 5 {
			x, err := one.read(24 * time.Hour)
			if err != nil {
				t.Fatalf("%v behind %v", err, got)
			}
			if m, ok := x.(*packets.Publish); !ok || string(m.Payload) != "died" || m.QoS != 1 {
				t.Errorf("got %s", x)
			}
			got = append(got, time.Since(begin).Truncate(time.Second))
		}
		if want := []time.Duration{0, 0, 0, 20 * time.Second, 60 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("wills after %v, want %v", got, want)
		}
		time.Sleep(time.Hour)
		one.quiet()
		w.crash()
		time.Sleep(time.Hour)
		zero := w.resume(packets.V5, "watcher 0")
		for range 5 {
			zero.next()
		}
		zero.quiet() // nothing twice
	})
}

// A client that has only just connected leaves its will, and one that is shut out of
// another session does not bring back the old one.
func TestRestartPublishesTheLastWill(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{}, func(w *world) {
			w.absent(v, "watcher", "will")
			w.join(v, "a", keeping(forever), leaving(2, 0))
			w.crash()
			w.settle()
			w.resume(v, "a", leaving(1, 0)) // another
			w.crash()
			w.settle()
			a := w.resume(v, "a")
			a.lose()
			w.crash()
			w.settle()
			watcher := w.resume(v, "watcher")
			watcher.want(`PUBLISH qos=2 topic=will packet-id=1 payload="died"`, `PUBLISH qos=1 topic=will packet-id=2 payload="died"`)
			watcher.quiet()
		})
	}
}

// Shutdown publishes the wills of those who are there, and those with a delay when it
// is over, with the next broker.
func TestShutdownKeepsWills(t *testing.T) {
	runStored(t, Config{}, func(w *world) {
		w.absent(packets.V5, "watcher", "will")
		w.join(packets.V5, "at once", keeping(forever), leaving(1, 0))
		w.join(packets.V5, "later", keeping(forever), leaving(1, 60))
		w.join(packets.V5, "kept by nobody", leaving(1, 60))
		w.restart()
		begin := time.Now()
		watcher := w.resume(packets.V5, "watcher")
		watcher.next()
		watcher.next()
		if _, err := watcher.read(time.Hour); err != nil || time.Since(begin) < 55*time.Second || time.Since(begin) > 61*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
		watcher.quiet()
	})
}

// What is retained is what was retained last, at each QoS, until it expires.
// [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7] [MQTT3-3.3.1-5]
func TestRestartKeepsRetained(t *testing.T) {
	twice(t, Config{SysInterval: time.Minute}, func(w *world, again func()) {
		a := w.join(packets.V5, "a")
		for qos := range packets.QoS(3) {
			name := string('0' + rune(qos))
			a.passes(message("first/"+name, "first", 1, retained), message("gone/"+name, "gone", 1, retained), message("expires/"+name, "e", 1, retained, lasting(60)),
				message("lasts/"+name, "l", 1, retained, lasting(3600)))
			for _, m := range []*packets.Publish{message("first/"+name, "last", qos, retained), message("gone/"+name, "", qos, retained)} {
				if qos == 0 {
					a.send(m)
				} else {
					a.passes(m)
				}
			}
		}
		time.Sleep(10 * time.Second)
		again()
		time.Sleep(time.Minute)
		a = w.join(packets.V5, "a")
		a.subscribe("#", 2)
		var got []string
		for x, err := a.read(time.Second); err == nil; x, err = a.read(time.Second) {
			m := x.(*packets.Publish)
			left, _ := m.Props.MessageExpiryInterval()
			if left > 0 && (left > 3530 || left < 3525) {
				t.Errorf("%d seconds are left", left)
			}
			got = append(got, string(m.Topic)+" "+string(m.Payload))
		}
		slices.Sort(got)
		if want := []string{"first/0 last", "first/1 last", "first/2 last", "lasts/0 l", "lasts/1 l", "lasts/2 l"}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		a.lose()
		w.crash()
		if n := w.records("r"); n != 6 {
			t.Errorf("%d retained messages are stored", n)
		}
	})
}

// A will that is published because the process has ended was never sent before.
func TestRestartedWillsAreNew(t *testing.T) {
	runStored(t, Config{}, func(w *world) {
		const n = 40
		for i := range n {
			w.join(packets.V5, fmt.Sprint("watcher ", i), keeping(forever)).subscribe("will", 2)
			w.join(packets.V5, fmt.Sprint("there ", i), keeping(forever), leaving(1, 0))
		}
		w.crash()
		w.settle()
		for i := range n {
			watcher := w.resume(packets.V5, fmt.Sprint("watcher ", i))
			for range n {
				if m := watcher.next().(*packets.Publish); m.Dup {
					w.Fatalf("watcher %d: %s", i, m)
				}
			}
		}
	})
}
