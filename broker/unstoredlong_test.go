package broker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// One message for more sessions than a record has, and for one of them more than once,
// reaches all of them.
func TestRestartWithManyRecipients(t *testing.T) {
	const n = 150
	twice(t, Config{}, func(w *world, again func()) {
		for i := range n {
			w.absent(packets.V5, fmt.Sprint(i), "x")
		}
		w.absent(packets.V5, "many", "x", "+", "$share/g/x", "$share/h/x")
		w.join(packets.V5, "a").passes(message("x", "one", 2), message("x", "two", 1))
		again()
		for i := range n {
			p := w.resume(packets.V5, fmt.Sprint(i))
			p.want(`PUBLISH qos=2 topic=x packet-id=1 payload="one"`, `PUBLISH qos=1 topic=x packet-id=2 payload="two"`)
			p.send(&packets.Pubrec{PacketID: 1}, &packets.Puback{PacketID: 2})
			p.want("PUBREL packet-id=1")
			p.send(&packets.Pubcomp{PacketID: 1})
			p.lose()
		}
		many := w.resume(packets.V5, "many")
		if got := many.payloads(); got != "oneoneonetwotwotwo" {
			t.Errorf("many has %s", got)
		}
		many.lose()
		time.Sleep(time.Second)
		again()
		if n := w.records("me"); n != 6 {
			t.Errorf("%d records are left, want those of many", n)
		}
	})
}

// Publish of the program returns when the message is stored, or its time has passed.
func TestPublishWaitsForTheStore(t *testing.T) {
	runStored(t, Config{}, func(w *world) {
		w.absent(packets.V5, "b", "x")
		w.hold()
		done := make(chan error, 1)
		go func() { done <- w.b.Publish(context.Background(), Message{Topic: "x", Payload: []byte("1"), QoS: 1}) }()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := w.b.Publish(ctx, Message{Topic: "x", Payload: []byte("2"), QoS: 1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if len(done) > 0 {
			t.Error("it has returned")
		}
		if err := w.b.Publish(context.Background(), Message{Topic: "x", Payload: []byte("0")}); err != nil {
			t.Error(err)
		}
		w.release()
		if err := <-done; err != nil {
			t.Error(err)
		}
		w.crash()
		if got := w.resume(packets.V5, "b").payloads(); got != "12" && got != "21" {
			t.Errorf("got %s", got)
		}
	})
}

// A SUBSCRIBE that waits too long for the store ends the connection, without SUBACK, and
// holds up nobody else.
func TestSubscribeWaitsBesideOthers(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{Loops: 1}, func(w *world) {
			a, b, kept := w.join(v, "a"), w.join(v, "b"), w.join(v, "kept", keeping(forever))
			b.subscribe("x", 1)
			w.hold()
			kept.send(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("y"), QoS: 1}}}, new(packets.Pingreq))
			a.send(message("x", "1", 1))
			a.want("PUBACK packet-id=1")
			b.want(`PUBLISH qos=1 topic=x packet-id=1 payload="1"`)
			time.Sleep(8 * time.Second)
			kept.quiet()
			kept.ended(packets.QuotaExceeded)
			w.release()
			w.crash()
			kept = w.resume(v, "kept")
			kept.subscribe("y", 1)
		})
	}
}

// Publishers are not read while too much waits for the store, and all is acknowledged
// in the end.
func TestMaximumUnstored(t *testing.T) {
	for _, v := range modern {
		runStored(t, Config{MaximumUnstored: 2000}, func(w *world) {
			w.absent(v, "b", "x")
			a := w.join(v, "a")
			const n = 300
			w.hold()
			var sent atomic.Int64
			go func() {
				for i := range uint16(n) {
					a.send(message("x", kilobyte, 1, numbered(i+1)))
					sent.Add(1)
				}
			}()
			time.Sleep(time.Second)
			if sent.Load() == n {
				t.Error("all are read")
			}
			w.release()
			for i := range n {
				a.want(fmt.Sprintf("PUBACK packet-id=%d", i+1))
			}
		})
	}
}
