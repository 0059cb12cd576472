package broker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

const died = `PUBLISH topic=will payload="died"`

// delayed is a will that waits so many seconds.
func delayed(seconds uint32) func(*packets.Connect) {
	return func(c *packets.Connect) {
		will("will", "died")(c)
		c.Will.Props.SetWillDelayInterval(seconds)
	}
}

func (w *world) watch() *peer {
	w.Helper()
	watcher := w.join(packets.V5, "watcher")
	watcher.subscribe("will", 0)
	return watcher
}

// wantAt reads one packet, which has to come d after begin.
func (p *peer) wantAt(begin time.Time, d time.Duration, line string) {
	p.Helper()
	x, err := p.read(24 * time.Hour)
	if err != nil {
		p.Fatal(err)
	}
	if got := time.Since(begin); x.String() != line || got != d {
		p.Fatalf("after %s: %s\nwant after %s: %s", got, x, d, line)
	}
}

// A will is published when its delay has passed, or when the session ends,
// whichever is first. [MQTT-3.1.2-7] [MQTT-3.1.2-8], section 3.1.3.2.2
func TestV5_3_1_2_8_WillDelay(t *testing.T) {
	for _, c := range []struct{ delay, expiry, after uint32 }{
		{0, 0, 0}, {0, 100, 0}, {30, 0, 0}, {30, 100, 30}, {100, 30, 30}, {30, 30, 30}, {30, forever, 30},
	} {
		run(t, Config{}, func(w *world) {
			watcher := w.watch()
			a := w.join(packets.V5, "a", keeping(c.expiry), delayed(c.delay))
			time.Sleep(time.Hour)
			begin := time.Now()
			a.nc.Close()
			watcher.wantAt(begin, time.Duration(c.after)*time.Second, died)
			time.Sleep(time.Hour)
			watcher.quiet() // [MQTT-3.1.2-10]
		})
	}
}

// Who is back in time was never away. [MQTT-3.1.3-9]
func TestV5_3_1_3_9_WillIsCancelled(t *testing.T) {
	run(t, Config{}, func(w *world) {
		watcher := w.watch()
		a := w.join(packets.V5, "a", keeping(100), delayed(30))
		a.lose()
		time.Sleep(30*time.Second - 1)
		a = w.resume(packets.V5, "a", keeping(100)) // which has no will
		time.Sleep(time.Minute)
		a.lose()
		time.Sleep(time.Hour)
		watcher.quiet()
	})
}

// The will of a connection that is taken over waits for its delay like any
// other, and the new connection ends the delay. Where the session ends, or the
// will has no delay, it is published. Section 3.1.4.
func TestWillOnTakeover(t *testing.T) {
	for _, c := range []struct {
		delay, expiry uint32
		clean         bool
		published     bool
	}{
		{30, 100, false, false},
		{0, 100, false, true},
		{30, 100, true, true},
		{30, 0, false, true},
	} {
		for _, connected := range []bool{true, false} {
			run(t, Config{}, func(w *world) {
				watcher := w.watch()
				old := w.join(packets.V5, "a", keeping(c.expiry), delayed(c.delay))
				if !connected {
					old.lose()
				}
				young := w.dial(packets.V5)
				young.connect("a", func(p *packets.Connect) { p.CleanStart = c.clean })
				young.next()
				if c.published {
					watcher.want(died)
				}
				time.Sleep(time.Hour)
				watcher.quiet()
			})
		}
	}
}

// All ways in which a connection ends but DISCONNECT publish the will.
func TestWillsOfAllEnds(t *testing.T) {
	for name, end := range map[string]func(a *peer){
		"lost":           func(a *peer) { a.nc.Close() },
		"protocol error": func(a *peer) { a.connect("a"); a.ended(packets.ProtocolError) },
		"keep alive":     func(a *peer) { time.Sleep(15 * time.Second); a.ended(packets.KeepAliveTimeout) },
		"DISCONNECT 0x04": func(a *peer) {
			a.send(&packets.Disconnect{Reason: packets.DisconnectWithWillMessage})
			a.closed()
		},
		"DISCONNECT ends the session": func(a *peer) {
			d := &packets.Disconnect{Reason: packets.DisconnectWithWillMessage}
			d.Props.SetSessionExpiryInterval(0)
			a.send(d)
			a.closed()
		},
	} {
		for _, delay := range []uint32{0, 7} {
			run(t, Config{}, func(w *world) {
				watcher := w.watch()
				a := w.join(packets.V5, "a", keeping(100), delayed(delay), func(c *packets.Connect) { c.KeepAlive = 10 })
				end(a)
				begin := time.Now()
				if name == "DISCONNECT ends the session" {
					delay = 0
				}
				watcher.wantAt(begin, time.Duration(delay)*time.Second, died)
			})
		}
	}
}

// DISCONNECT with 0x00 removes the will, whatever its delay. [MQTT-3.14.4-3]
func TestV5_3_14_4_3_NoWillAfterDisconnect(t *testing.T) {
	run(t, Config{}, func(w *world) {
		watcher := w.watch()
		a := w.join(packets.V5, "a", keeping(100), delayed(10))
		a.send(&packets.Disconnect{})
		a.closed()
		time.Sleep(time.Hour)
		watcher.quiet()
	})
}

// The end of the broker is the end of all sessions.
func TestWillsOnShutdown(t *testing.T) {
	runInMemory(t, Config{}, func(w *world) {
		watcher := w.watch()
		w.join(packets.V5, "absent", keeping(forever), delayed(1000)).lose()
		present := w.join(packets.V5, "present", keeping(forever), delayed(1000))
		done := make(chan error)
		go func() { done <- w.b.Shutdown(context.Background()) }()
		watcher.want(died, died)
		watcher.ended(packets.ServerShuttingDown)
		present.ended(packets.ServerShuttingDown)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A will that is published late has not aged: its interval begins then.
func TestDelayedWillExpiry(t *testing.T) {
	run(t, Config{}, func(w *world) {
		watcher := w.watch()
		a := w.join(packets.V5, "a", keeping(100), delayed(30), func(c *packets.Connect) { c.Will.Props.SetMessageExpiryInterval(5) })
		a.lose()
		watcher.wantAt(time.Now(), 30*time.Second, fmt.Sprintf("PUBLISH topic=will message-expiry-interval=5 payload=%q", "died"))
	})
}
