package broker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// twice runs f with a way for the process to end and begin again: a crash, and a
// Shutdown.
func twice(t *testing.T, config Config, f func(w *world, again func())) {
	t.Helper()
	runStored(t, config, func(w *world) { f(w, w.crash) })
	runStored(t, config, func(w *world) { f(w, w.restart) })
}

// sessions are those that there are, sorted.
func (w *world) sessions() (all []string) {
	for s := range w.b.Sessions() {
		all = append(all, s.ClientID)
	}
	slices.Sort(all)
	return all
}

// Subscriptions are as they were, with their options. [MQTT-3.2.2-3] [MQTT-4.1.0-1]
// [MQTT3-3.1.2-4]
func TestRestartKeepsSubscriptions(t *testing.T) {
	twice(t, Config{}, func(w *world, again func()) {
		a := w.join(packets.V5, "a", keeping(forever))
		a.subscribe("local", 1, func(s *packets.Subscription) { s.NoLocal = true })
		a.subscribe("retain/+", 1, func(s *packets.Subscription) { s.RetainAsPublished = true })
		a.subscribe("plain", 2)
		a.subscribe("plain", 0)
		a.subscribe("gone", 2)
		a.subscribe("$share/g/shared", 1)
		identified := packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("number/#"), QoS: 2}}}
		identified.Props.SetSubscriptionIdentifier(77)
		a.send(&identified)
		a.want("SUBACK packet-id=1 reason=0x02")
		a.send(&packets.Unsubscribe{PacketID: 2, Filters: [][]byte{[]byte("gone")}})
		a.want("UNSUBACK packet-id=2 reason=0x00")
		again()
		if got, want := slices.Collect(w.b.Sessions())[0].Subscriptions, []string{"$share/g/shared", "local", "number/#", "plain", "retain/+"}; !slices.Equal(got, want) {
			t.Fatalf("%q", got)
		}
		a = w.resume(packets.V5, "a")
		a.send(message("local", "own", 1), message("gone", "", 1, numbered(2)), message("retain/x", "r", 1, numbered(3), retained),
			message("plain", "p", 2, numbered(4)), message("number/1", "n", 2, numbered(5)), message("shared", "s", 1, numbered(6)))
		var got []string
		for range 10 {
			got = append(got, a.next().String())
		}
		for _, want := range []string{
			"PUBACK packet-id=1 reason=0x10",
			"PUBACK packet-id=2 reason=0x10",
			"PUBACK packet-id=3",
			"PUBREC packet-id=4",
			"PUBREC packet-id=5",
			"PUBACK packet-id=6",
			`PUBLISH qos=1 retain topic=retain/x packet-id=1 payload="r"`,
			`PUBLISH topic=plain payload="p"`,
			`PUBLISH qos=2 topic=number/1 packet-id=2 subscription-identifier=77 payload="n"`,
			`PUBLISH qos=1 topic=shared packet-id=3 payload="s"`,
		} {
			if !slices.Contains(got, want) {
				t.Errorf("no %s", want)
			}
		}
		if t.Failed() {
			t.Logf("%q", got)
		}
		w.join(packets.V5, "b").passes(message("local", "of another", 1))
		a.want(`PUBLISH qos=1 topic=local packet-id=4 payload="of another"`)
		a.send(message("retain/x", "", 0, retained))
		a.want(`PUBLISH retain topic=retain/x payload=""`)
	})
}

// A session ends when its time without a connection is over, whether there is a broker
// meanwhile or not. Who was there when the process ended has all its time.
// [MQTT-3.1.2-23] [MQTT-3.2.2-2]
func TestRestartCountsExpiry(t *testing.T) {
	runStored(t, Config{}, func(w *world) {
		absent := w.join(packets.V5, "absent", keeping(60))
		absent.subscribe("x", 1)
		w.join(packets.V5, "short", keeping(30)).lose()
		w.join(packets.V5, "there", keeping(60)).subscribe("x", 1)
		w.absent(packets.V311, "forever", "x")
		absent.lose()
		w.join(packets.V5, "a").passes(message("x", "waits", 1))
		time.Sleep(20 * time.Second)
		w.kill()
		time.Sleep(20 * time.Second)
		w.begin()
		if got := w.sessions(); !slices.Equal(got, []string{"absent", "forever", "there"}) && !slices.Equal(got, []string{"absent", "forever", "short", "there"}) {
			t.Errorf("%q", got)
		}
		for _, x := range []struct {
			after time.Duration
			want  []string
		}{
			{0, []string{"absent", "forever", "there"}}, // when those that are over have been ended
			{19 * time.Second, []string{"absent", "forever", "there"}},
			{2 * time.Second, []string{"forever", "there"}},
			{38 * time.Second, []string{"forever", "there"}},
			{2 * time.Second, []string{"forever"}},
			{24 * time.Hour, []string{"forever"}},
		} {
			time.Sleep(x.after)
			w.settle()
			if got := w.sessions(); !slices.Equal(got, x.want) {
				t.Errorf("%s later: %q, want %q", x.after, got, x.want)
			}
		}
		w.resume(packets.V311, "forever").want(`PUBLISH qos=1 topic=x packet-id=1 payload="waits"`)
	})
}

// A session that has ended does not come back. [MQTT-3.1.2-4] [MQTT3-3.1.2-6]
func TestRestartForgetsWhatHasEnded(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"clean start": func(w *world) { w.join(packets.V5, "a").lose() },
		"clean start of a session that is kept": func(w *world) {
			w.join(packets.V5, "a", keeping(1), func(c *packets.Connect) { c.CleanStart = true }).lose()
			time.Sleep(2 * time.Second)
		},
		"3.1.1": func(w *world) { w.join(packets.V311, "a").lose() },
		"EndSession": func(w *world) {
			if err := w.b.EndSession("a"); err != nil {
				w.Error(err)
			}
		},
		"EndSession of a client that is there": func(w *world) {
			a := w.resume(packets.V5, "a")
			a.want("PUBREL packet-id=1", `PUBLISH dup qos=2 topic=x packet-id=2 payload="2"`)
			if err := w.b.EndSession("a"); err != nil {
				w.Error(err)
			}
			a.ended(packets.AdministrativeAction)
		},
		"taken over with clean start": func(w *world) {
			a := w.resume(packets.V5, "a")
			a.want("PUBREL packet-id=1", `PUBLISH dup qos=2 topic=x packet-id=2 payload="2"`)
			b := w.join(packets.V5, "a")
			a.ended(packets.SessionTakenOver)
			b.lose()
		},
		"CONNECT with expiry 0": func(w *world) { w.resume(packets.V5, "a", keeping(0)).lose() },
		"DISCONNECT with expiry 0": func(w *world) {
			a := w.resume(packets.V5, "a")
			a.want("PUBREL packet-id=1", `PUBLISH dup qos=2 topic=x packet-id=2 payload="2"`)
			d := packets.Disconnect{}
			d.Props.SetSessionExpiryInterval(0)
			a.send(&d)
			a.closed()
		},
		"DISCONNECT with expiry 1": func(w *world) {
			a := w.resume(packets.V5, "a")
			a.want("PUBREL packet-id=1", `PUBLISH dup qos=2 topic=x packet-id=2 payload="2"`)
			d := packets.Disconnect{}
			d.Props.SetSessionExpiryInterval(1)
			a.send(&d)
			a.closed()
			w.crash()
			time.Sleep(2 * time.Second)
		},
		"CONNECT with expiry 0, and a crash": func(w *world) {
			a := w.resume(packets.V5, "a", keeping(0))
			a.next()
			w.crash()
		},
	} {
		t.Run(name, func(t *testing.T) {
			runStored(t, Config{}, func(w *world) {
				a := w.join(packets.V5, "a", keeping(forever))
				a.subscribe("x", 2)
				b := w.join(packets.V5, "b", keeping(forever))
				b.passes(message("x", "1", 2), message("x", "2", 2))
				a.send(message("y", "held", 2, numbered(9)))
				a.next()
				a.next()
				a.next()
				a.send(&packets.Pubrec{PacketID: 1})
				a.next()
				a.lose()
				end(w)
				time.Sleep(time.Second)
				w.crash()
				w.settle()
				if got := w.sessions(); !slices.Equal(got, []string{"b"}) {
					t.Errorf("%q", got)
				}
				if n := w.records("emst"); n != 1 {
					t.Errorf("%d records are left, want that of b", n)
				}
			})
		})
	}
}

// records counts what is stored of these kinds.
func (w *world) records(kinds string) (n int) {
	for i := range kinds {
		if err := w.kept().Scan([]byte(kinds[i:i+1]), func([]byte, []byte) error { n++; return nil }); err != nil {
			w.Error(err)
		}
	}
	return n
}

// slowToHear is a program that takes its time to hear of a message.
type slowToHear struct{}

func (slowToHear) Published(Published) { time.Sleep(time.Millisecond) }

// A connection that takes long to leave its session does not put into the store what
// is not so any more.
func TestRestartAfterLateLeave(t *testing.T) {
	for keep, after := range map[uint32]time.Duration{0: time.Second, forever: time.Minute} {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			runStored(t, Config{Hooks: slowToHear{}}, func(w *world) {
				a := w.join(packets.V5, "a", keeping(60), will("will", "died"))
				a.nc.Close()
				time.Sleep(500 * time.Microsecond)
				next := w.dial(packets.V5)
				next.connect("a", keeping(keep), func(c *packets.Connect) { c.CleanStart = keep == 0 })
				next.next()
				time.Sleep(after)
				w.crash()
				time.Sleep(time.Second)
				if n := len(w.sessions()); n != min(int(keep), 1) {
					t.Errorf("%d sessions", n)
				}
			})
		})
	}
}

// A session that is about to end when another of the same client begins ends behind the
// restart.
func TestCrashWithTwoSessionsOfAClient(t *testing.T) {
	runStored(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a", keeping(60))
		a.subscribe("$share/g/x", 1)
		a.lose()
		b := w.join(packets.V5, "b")
		for i := range 20 {
			b.passes(message("x", fmt.Sprint(i), 1))
		}
		w.absent(packets.V5, "heir", "$share/g/x")
		time.Sleep(time.Minute + 5*time.Millisecond) // it takes 20 to move the messages
		w.join(packets.V5, "a", keeping(forever)).subscribe("y", 1)
		w.crash()
		time.Sleep(time.Second)
		if got := w.sessions(); !slices.Equal(got, []string{"a", "heir"}) {
			t.Errorf("%q", got)
		}
		if got := slices.Compact(slices.Sorted(slices.Values(w.resume(packets.V5, "heir").bodies()))); len(got) != 20 {
			t.Errorf("heir has %q", got)
		}
		w.crash()
		if n := w.records("s"); n != 2 {
			t.Errorf("%d sessions are stored", n)
		}
	})
}
