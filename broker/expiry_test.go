package broker

import (
	"fmt"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// A session is there until its interval has passed, and not a moment longer.
// [MQTT-3.1.2-23] [MQTT-4.1.0-1] [MQTT-4.1.0-2]
func TestV5_4_1_0_2_SessionExpiry(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a", keeping(10))
		a.subscribe("x", 1)
		time.Sleep(time.Hour) // nothing passes while there is a connection
		a.lose()
		time.Sleep(10*time.Second - 1)
		a = w.resume(packets.V5, "a", keeping(10))
		a.lose()
		time.Sleep(10 * time.Second)
		w.settle()
		if n := w.b.subscriptions.Len(); n != 0 {
			t.Errorf("%d subscriptions are left", n)
		}
		w.join(packets.V5, "a", keeping(10))
	})
}

func TestSessionsWithoutExpiry(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			w.join(v, "kept", keeping(forever)).lose()
			w.join(v, "clean").lose() // [MQTT3-3.1.2-6]
			time.Sleep(200 * 365 * 24 * time.Hour)
			w.resume(v, "kept") // [MQTT3-4.1.0-1]
			w.join(v, "clean", keeping(0))
		})
	}
}

func TestMaximumSessionExpiry(t *testing.T) {
	run(t, Config{MaximumSessionExpiry: 9500 * time.Millisecond}, func(w *world) {
		a := w.dial(packets.V5)
		a.connect("a", keeping(11))
		a.want("CONNACK session-expiry-interval=10 receive-maximum=1024 topic-alias-maximum=16 maximum-packet-size=1048576")
		a.lose()
		w.join(packets.V311, "old", keeping(0)).lose()
		time.Sleep(9999 * time.Millisecond)
		w.resume(packets.V5, "a").lose()
		w.resume(packets.V311, "old").lose()
		time.Sleep(10 * time.Second)
		w.join(packets.V5, "a", keeping(1))
		w.join(packets.V311, "old", keeping(1))
	})
}

func TestSessionExpiryInDisconnect(t *testing.T) { // section 3.14.2.2.2
	expiring := func(seconds uint32) *packets.Disconnect {
		d := &packets.Disconnect{}
		d.Props.SetSessionExpiryInterval(seconds)
		return d
	}
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a")
		a.send(expiring(5))
		a.ended(packets.ProtocolError)
		a = w.join(packets.V5, "a", keeping(0))
		a.send(expiring(0))
		a.closed()
		b := w.join(packets.V5, "b", keeping(5))
		b.send(expiring(100))
		b.closed()
		time.Sleep(99 * time.Second)
		b = w.resume(packets.V5, "b")
		b.send(expiring(0))
		b.closed()
		w.settle()
		w.join(packets.V5, "b", keeping(5))
	})
}

// [MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT3-3.1.2-6] [MQTT3-3.1.4-3] [MQTT3-3.2.2-1]
func TestV5_3_1_2_4_CleanStart(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a, b := w.join(packets.V5, "a"), w.join(v, "b", keeping(60))
			b.subscribe("x", 1)
			a.passes(message("x", "sent", 1))
			b.next()
			b.lose()
			a.passes(message("x", "waits", 1))
			b = w.join(v, "b")
			a.send(message("x", "", 1))
			a.want("PUBACK packet-id=1 reason=0x10")
			b.quiet()
		})
	}
}

// Retained messages are no part of a session. [MQTT3-3.1.2-7]
func TestV3_3_1_2_7_RetainedOutlivesItsSession(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V311, "a")
		a.passes(message("x", "kept", 1, retained))
		a.lose()
		b := w.join(packets.V311, "b")
		b.subscribe("x", 0)
		b.want(`PUBLISH retain topic=x payload="kept"`)
	})
}

func TestMaximumSessions(t *testing.T) {
	run(t, Config{MaximumSessions: 2}, func(w *world) {
		w.join(packets.V5, "a", keeping(10)).lose()
		w.join(packets.V5, "b", keeping(100)).lose()
		for v, want := range map[packets.Version]string{packets.V5: "CONNACK reason=0x89", packets.V311: "CONNACK reason=0x03"} {
			c := w.dial(v)
			c.connect("c")
			c.want(want)
			c.closed()
		}
		w.resume(packets.V5, "b", keeping(100))
		w.join(packets.V5, "a") // in the place of another
		w.settle()
		time.Sleep(10 * time.Second)
	})
}

// A takeover loses nothing: what was on its way to the broker has arrived, what
// was on its way to the client is sent again. [MQTT-3.1.4-3] [MQTT3-3.1.4-2]
func TestTakeoverLosesNothing(t *testing.T) {
	for _, v := range versions {
		run(t, Config{}, func(w *world) {
			a, b := w.join(packets.V5, "a"), w.join(v, "b", keeping(60))
			b.subscribe("x", 2)
			const rounds, each = 20, 10
			seen := map[string]int{}
			acknowledged := 0
			for r := range rounds {
				for i := range each {
					a.passes(message("x", fmt.Sprintf("%d/%d", r, i), 1+packets.QoS(i%2)))
				}
				for range r % each { // some of it is read, and some of that acknowledged
					p, ok := b.next().(*packets.Publish)
					if !ok {
						continue
					}
					seen[string(p.Payload)]++
					if p.QoS == packets.AtLeastOnce {
						b.send(&packets.Puback{PacketID: p.PacketID})
						acknowledged++
					}
				}
				old := b
				go func() { old.acknowledge(false) }()
				b = w.resume(v, "b")
			}
			for {
				x, err := b.read(time.Second)
				if err != nil {
					break
				}
				if p, ok := x.(*packets.Publish); ok {
					seen[string(p.Payload)]++
				}
			}
			if len(seen) != rounds*each || acknowledged == 0 {
				t.Errorf("%d messages came, want %d; %d acknowledged", len(seen), rounds*each, acknowledged)
			}
		})
	}
}

// At QoS 0, too, what waits for the old connection goes to the new one.
func TestTakeoverKeepsQoS0(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(60))
		b.subscribe("x", 0)
		a.send(message("x", kilobyte+kilobyte, 0))
		w.settle() // it is being written, and nobody reads it
		for i := range 4 {
			a.send(message("x", fmt.Sprint(i), 0))
		}
		w.settle()
		young := w.resume(packets.V5, "b")
		for i := range 4 {
			young.want(fmt.Sprintf(`PUBLISH topic=x payload="%d"`, i))
		}
		b.nc.Close()
	})
}

// Who takes over and cannot even be answered leaves the session as it was, but
// for the connection.
func TestTakeoverInVain(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(60))
		b.subscribe("x", 1)
		vain := w.dial(packets.V5)
		vain.connect("b", keeping(60), func(c *packets.Connect) { c.Props.SetMaximumPacketSize(3) })
		vain.closed()
		b.ended(packets.SessionTakenOver)
		w.settle()
		a.passes(message("x", "waits", 1))
		a.send(message("x", "does not", 0))
		w.settle()
		b = w.resume(packets.V5, "b")
		b.want(`PUBLISH qos=1 topic=x packet-id=1 payload="waits"`)
		b.quiet()
	})
}

// Two that want the same session have it one after the other.
func TestTakeoverOfTakeover(t *testing.T) {
	run(t, Config{}, func(w *world) {
		w.join(packets.V5, "a", keeping(60)).subscribe("x", 1)
		var all []*peer
		for range 10 {
			p := w.dial(packets.V5)
			go p.connect("a", keeping(60))
			all = append(all, p)
		}
		w.settle()
		alive := 0
		for _, p := range all {
			a, ok := p.next().(*packets.Connack)
			if !ok || !a.SessionPresent {
				t.Errorf("CONNACK %s", a)
			}
			switch x, err := p.read(time.Second); d := x.(type) {
			case *packets.Disconnect:
				if d.Reason != packets.SessionTakenOver {
					t.Errorf("%s", d)
				}
			default:
				alive++
				if x != nil {
					t.Errorf("got %v %v", x, err)
				}
			}
		}
		if alive != 1 {
			t.Errorf("%d are connected", alive)
		}
	})
}
