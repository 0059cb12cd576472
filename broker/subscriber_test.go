package broker

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

func (w *world) messages(ctx context.Context, filter string) iter.Seq[Message] {
	w.Helper()
	all, err := w.b.Subscribe(ctx, filter)
	if err != nil {
		w.Fatal(err)
	}
	return all
}

func (w *world) publish(topic, payload string) {
	w.Helper()
	if err := w.b.Publish(w.Context(), Message{Topic: topic, Payload: []byte(payload)}); err != nil {
		w.Fatal(err)
	}
}

// noSubscribers demands that nothing is left of Subscribe.
func (w *world) noSubscribers() {
	w.Helper()
	w.settle()
	if n, m := len(w.b.subscribers), w.b.Stats().Subscriptions; n != 0 || m != 0 {
		w.Errorf("%d loops and %d subscriptions are left", n, m)
	}
}

// Nothing is missed behind Subscribe, retained messages come first, and a message
// is as it was published and belongs to the program.
func TestSubscribe(t *testing.T) {
	run(t, Config{}, func(w *world) {
		retain := Message{Topic: "x/kept", Payload: []byte("before"), QoS: 1, Retain: true}
		if err := w.b.Publish(w.Context(), retain); err != nil {
			t.Fatal(err)
		}
		all := w.messages(w.Context(), "x/#")
		for _, v := range versions {
			a := w.join(v, fmt.Sprintf("publisher %s", v))
			a.passes(message("x/y", "payload", 2, retained))
			a.send(message("other", "", 0))
			a.nc.Close()
		}
		a := w.join(packets.V5, "a")
		a.passes(message("x/z", "payload", 1, lasting(9), func(m *packets.Publish) {
			m.Props.AddUserProperty([]byte("k"), []byte("v"))
			m.Props.SetContentType([]byte("text"))
		}))
		var got []Message
		for m := range all {
			if got = append(got, m); len(got) == 5 {
				break
			}
		}
		w.noSubscribers()
		for i, want := range []string{"x/kept 1 true", "x/y 2 false publisher 3.1", "x/y 2 false publisher 3.1.1", "x/y 2 false publisher 5.0", "x/z 1 false a"} {
			m := got[i]
			if s := strings.TrimSpace(fmt.Sprint(m.Topic, " ", m.QoS, " ", m.Retain, " ", m.From)); s != want {
				t.Errorf("got %s, want %s", s, want)
			}
		}
		expiry, _ := got[4].Props.MessageExpiryInterval()
		if v, _ := got[4].Props.UserProperties().Get("k"); expiry != 9 || string(v) != "v" {
			t.Errorf("expires in %d, k is %q", expiry, v)
		}
		clear(got[3].Payload)
		if err := w.b.Publish(w.Context(), got[4]); err != nil {
			t.Errorf("to go on with %v: %v", got[4], err)
		}
		for m := range w.messages(w.Context(), "x/y") {
			if string(m.Payload) != "payload" {
				t.Errorf("the payload of others is %q", m.Payload)
			}
			break
		}
	})
}

func TestSubscribeRefuses(t *testing.T) {
	run(t, Config{MaximumTopicLevels: 3}, func(w *world) {
		var broken *packets.BrokenError
		for _, filter := range []string{"", "a/#/b", "a+", "$share//x", "$share/g", "a\x00", strings.Repeat("x", 65536)} {
			if _, err := w.b.Subscribe(w.Context(), filter); !errors.As(err, &broken) {
				t.Errorf("%.20q: %v", filter, err)
			}
		}
		if _, err := w.b.Subscribe(w.Context(), "1/2/3/4"); err == nil || !strings.Contains(err.Error(), "MaximumTopicLevels") {
			t.Errorf("got %v", err)
		}
		ended, cancel := context.WithCancel(w.Context())
		cancel()
		if _, err := w.b.Subscribe(ended, "x"); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		w.b.Shutdown(w.Context())
		if _, err := w.b.Subscribe(w.Context(), "x"); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v", err)
		}
		w.noSubscribers()
	})
}

// A body that does not go on costs messages, its own, and nobody else waits.
func TestSubscribeSlow(t *testing.T) {
	run(t, Config{MaximumQueuedMessages: 10}, func(w *world) {
		other := w.join(packets.V5, "other")
		other.subscribe("x", 1)
		all := w.messages(w.Context(), "x")
		a := w.join(packets.V5, "a")
		for i := range 25 {
			a.passes(message("x", fmt.Sprint(i), 1))
			other.next()
			other.send(&packets.Puback{PacketID: 1})
		}
		if n := w.b.Stats().Dropped; n != 15 {
			t.Errorf("%d messages dropped, want 15", n)
		}
		if !strings.Contains(w.log.String(), `client=Subscribe(x)`) {
			t.Error("not logged")
		}
		n := 0
		for m := range all {
			if string(m.Payload) != fmt.Sprint(n) {
				t.Errorf("message %d is %s", n, m.Payload)
			}
			if n++; n == 10 {
				w.publish("x", "10") // there is room again, also for what the body publishes
			}
			if n == 11 {
				break
			}
		}
		other.want(`PUBLISH topic=x payload="10"`)
	})
}

// However the loop ends, the subscription does too.
func TestSubscribeEnds(t *testing.T) {
	for name, f := range map[string]func(w *world, all iter.Seq[Message], cancel func()){
		"break": func(w *world, all iter.Seq[Message], _ func()) {
			for range all {
				break
			}
			for range all {
				w.Error("a second loop")
			}
		},
		"panic": func(w *world, all iter.Seq[Message], _ func()) {
			defer func() { recover() }()
			for range all {
				panic("body")
			}
		},
		"ctx in the body": func(w *world, all iter.Seq[Message], cancel func()) {
			n := 0
			for range all {
				n++
				cancel()
			}
			if n != 1 {
				w.Errorf("%d messages", n)
			}
		},
		"ctx while it waits": func(w *world, all iter.Seq[Message], cancel func()) {
			n := 0
			for range all {
				if n++; n == 3 {
					go func() { w.settle(); cancel() }()
				}
			}
		},
		"ctx without a loop": func(w *world, _ iter.Seq[Message], cancel func()) { cancel() },
	} {
		for _, filter := range []string{"x/+", "$share/g/x/+"} {
			t.Run(name+" "+filter, func(t *testing.T) {
				run(t, Config{}, func(w *world) {
					ctx, cancel := context.WithCancel(w.Context())
					defer cancel()
					all := w.messages(ctx, filter)
					for range 3 {
						w.publish("x/y", "payload")
					}
					f(w, all, cancel)
					w.noSubscribers()
					w.publish("x/y", "payload")
				})
			})
		}
	}
}

// Shutdown ends the loop behind what waits, wills included, and does not wait for
// it.
func TestSubscribeShutdown(t *testing.T) {
	run(t, Config{}, func(w *world) {
		all := w.messages(w.Context(), "#")
		a := w.join(packets.V5, "a", will("will", "of a"))
		w.publish("x", "payload")
		go func() { a.rest() }()
		if err := w.b.Shutdown(w.Context()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for m := range all {
			got = append(got, m.Topic)
		}
		if !slices.Equal(got, []string{"x", "will"}) {
			t.Errorf("got %q", got)
		}
		w.noSubscribers()
	})
}

// More retained messages than are looked up at once come all, and once.
func TestSubscribeManyRetained(t *testing.T) {
	run(t, Config{MaximumQueuedMessages: 5}, func(w *world) {
		const many = 300
		for i := range many {
			if err := w.b.Publish(w.Context(), Message{Topic: fmt.Sprint("x/", i), Payload: make([]byte, 1000), Retain: true}); err != nil {
				t.Fatal(err)
			}
		}
		all := w.messages(w.Context(), "x/+")
		w.publish("x/last", "")
		seen := make(map[string]bool)
		for m := range all {
			if m.Topic == "x/last" {
				break
			}
			if seen[m.Topic] || !m.Retain {
				t.Errorf("%s again, or not retained", m.Topic)
			}
			seen[m.Topic] = true
		}
		if len(seen) != many {
			t.Errorf("%d messages, want %d", len(seen), many)
		}
	})
}

// Messages of a shared subscription go to its loops and its clients in turn.
func TestSubscribeShared(t *testing.T) {
	run(t, Config{}, func(w *world) {
		all := w.messages(w.Context(), "$share/g/x")
		b := w.join(packets.V311, "b")
		b.subscribe("$share/g/x", 0)
		for i := range 4 {
			w.publish("x", fmt.Sprint(i))
		}
		b.want(`PUBLISH topic=x payload="1"`, `PUBLISH topic=x payload="3"`)
		var got []string
		for m := range all {
			if got = append(got, string(m.Payload)); len(got) == 2 {
				break
			}
		}
		if !slices.Equal(got, []string{"0", "2"}) {
			t.Errorf("got %q", got)
		}
	})
}
