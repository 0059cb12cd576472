package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/packets"
)

var errDiskFull = errors.New("no space left on device")

// A session that is refused, because it cannot be stored, is not there when its client
// tries again, neither before nor after it can be. [MQTT-3.2.2-2] [MQTT-3.2.2-6]
func TestTroubleRefusesNewSessions(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{}, func(w *world) {
			w.kept().Refuse(errDiskFull)
			for range 2 {
				p := w.dial(v)
				p.connect("new", keeping(forever), will("will", "late"))
				a, ok := p.next().(*packets.Connack)
				if !ok || a.Reason == packets.Success || a.SessionPresent {
					t.Fatalf("%s: CONNACK %v", v, a)
				}
				p.closed()
			}
			w.kept().Refuse(nil)
			w.settle()
			if n := len(w.b.clients); n != 0 {
				t.Errorf("%d sessions", n)
			}
			w.restart()
			w.join(v, "new", keeping(forever))
		})
	}
}

// troublesome makes trouble as soon as there is a subscription, or none any more.
type troublesome struct{ begin func() }

func (h *troublesome) Subscribed(Subscribed)     { h.begin() }
func (h *troublesome) Unsubscribed(Unsubscribed) { h.begin() }

// What has changed before the trouble began is acknowledged when it is stored.
func TestTroubleBehindASubscription(t *testing.T) {
	hook := &troublesome{begin: func() {}}
	for _, v := range modern {
		runStored(t, Config{Hooks: hook}, func(w *world) {
			hook.begin = func() { w.kept().Refuse(errDiskFull) }
			p := w.join(v, "a", keeping(forever))
			p.send(&packets.Subscribe{PacketID: 5, Filters: []packets.Subscription{{Filter: []byte("y")}}})
			p.quiet()
			w.kept().Refuse(nil)
			p.want("SUBACK packet-id=5 reason=0x00")
			p.send(&packets.Unsubscribe{PacketID: 6, Filters: [][]byte{[]byte("y")}})
			p.quiet()
			w.kept().Refuse(nil)
			reasons := " reason=0x00"
			if v != packets.V5 {
				reasons = ""
			}
			p.want("UNSUBACK packet-id=6" + reasons)
		})
	}
}

// Shutdown does not wait for a store that cannot write any longer than it is told.
func TestTroubleAtShutdown(t *testing.T) {
	runStored(t, Config{}, func(w *world) {
		a, b := w.join(packets.V311, "a", keeping(forever)), w.join(packets.V5, "b", keeping(forever))
		b.subscribe("x", 1)
		w.kept().Refuse(errDiskFull)
		a.send(message("x", "never", 1))
		a.quiet()
		published := make(chan error, 1)
		go func() { published <- w.b.Publish(context.Background(), Message{Topic: "x", QoS: 1}) }()
		if err := <-published; !errors.Is(err, errDiskFull) {
			t.Errorf("Publish: %v", err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begin := time.Now()
		if err := w.b.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > time.Second+lingerTime {
			t.Errorf("Shutdown: %v, after %s", err, time.Since(begin))
		}
		w.conns = nil
		w.config.Store = &slow{Memory: w.kept().Restart()}
		w.begin()
		b = w.resume(packets.V5, "b")
		b.quiet()
	})
}

// The will of a client comes behind what it has published, which the store keeps
// waiting. [MQTT-3.1.2-8] [MQTT-4.6.0-6]
func TestWillBehindTheStore(t *testing.T) {
	for _, qos := range []packets.QoS{1, 2} {
		runStored(t, Config{}, func(w *world) {
			w.absent(packets.V5, "absent", "kept")
			b := w.join(packets.V5, "b")
			b.subscribe("#", 2)
			a := w.join(packets.V5, "a", will("state", "gone"), func(c *packets.Connect) { c.WillQoS = qos })
			w.hold()
			a.send(message("kept", "here", 1))
			a.lose()
			b.quiet()
			w.release()
			b.want(`PUBLISH qos=1 topic=kept packet-id=1 payload="here"`)
			if m := b.next().(*packets.Publish); string(m.Payload) != "gone" {
				t.Error(m)
			}
		})
	}
}

// What panics while a message is given to its receivers keeps neither the others from
// it, nor who waits for that. Here it is the Logger.
func TestPanicBehindTheStore(t *testing.T) {
	logger := slog.New(loudLogger{})
	runStored(t, Config{MaximumQueuedMessages: 1, Logger: logger}, func(w *world) {
		w.absent(packets.V5, "full", "x")
		b := w.join(packets.V5, "b", keeping(forever))
		b.subscribe("x", 1)
		for i := range 4 {
			if err := w.b.Publish(context.Background(), Message{Topic: "x", QoS: 1}); err != nil {
				t.Error(err)
			}
			b.want(fmt.Sprintf("PUBLISH qos=1 topic=x packet-id=%d payload=\"\"", i+1))
			b.send(&packets.Puback{PacketID: uint16(i + 1)})
		}
	})
}

// loudLogger panics on what is worth a warning.
type loudLogger struct{}

func (loudLogger) Enabled(_ context.Context, at slog.Level) bool { return at >= slog.LevelWarn }
func (loudLogger) Handle(context.Context, slog.Record) error     { panic("bomb") }
func (l loudLogger) WithAttrs([]slog.Attr) slog.Handler          { return l }
func (l loudLogger) WithGroup(string) slog.Handler               { return l }

// What is not to be had any more, nobody gets from the store, which keeps it for the
// time after.
func TestRestartWithoutRetainedMessages(t *testing.T) {
	runStored(t, Config{}, func(w *world) {
		w.join(packets.V5, "p").passes(message("x", "old", 1, retained))
		w.config.Without = RetainedMessages
		w.restart()
		b := w.join(packets.V5, "b")
		b.subscribe("x", 1)
		b.quiet()
		w.config.Without = 0
		w.restart()
		b = w.join(packets.V5, "b")
		b.subscribe("x", 1)
		b.want(`PUBLISH qos=1 retain topic=x packet-id=1 payload="old"`)
	})
}

// scans is a store that takes long to read all but what is retained.
type scans struct{ *store.Memory }

// Scan implements store.Store.
func (s scans) Scan(prefix []byte, visit func(key, value []byte) error) error {
	if string(prefix) != "r" {
		time.Sleep(time.Minute)
	}
	return s.Memory.Scan(prefix, visit)
}

// What has expired is looked for when all that is stored is there again.
func TestSweepWaitsForRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := new(store.Memory)
		w := newWorld(t, Config{Store: kept, SysInterval: -1})
		for _, id := range []string{"a", "b"} {
			w.absent(packets.V5, id, "x")
		}
		w.join(packets.V5, "p").passes(message("r", "old", 1, retained, lasting(10)), message("s", "old", 1, retained, lasting(10)), message("x", "old", 1, lasting(10)))
		w.shutDown()
		w.config.Store = scans{kept.Restart()}
		time.Sleep(20 * time.Second)
		w.begin()
		time.Sleep(2 * time.Minute)
		if n := w.b.budget.Used(); n != 0 {
			t.Errorf("%d bytes are left of what has expired", n)
		}
		w.shutDown()
	})
}
