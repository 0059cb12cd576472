package broker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// witness writes down all that it hears.
type witness struct {
	mu    sync.Mutex
	heard []string
}

func (x *witness) hear(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.heard = append(x.heard, fmt.Sprintf(format, args...))
}

func (x *witness) Connected(e Connected) {
	x.hear("%s connected %s %s %v %v", e.ClientID, e.Version, e.Username, e.KeepAlive, e.SessionPresent)
}

func (x *witness) Disconnected(e Disconnected) { x.hear("%s disconnected %s", e.ClientID, e.Reason) }

func (x *witness) Subscribed(e Subscribed) {
	x.hear("%s subscribed %s %d %v", e.ClientID, e.Filter, e.QoS, e.NoLocal)
}

func (x *witness) Unsubscribed(e Unsubscribed) { x.hear("%s unsubscribed %s", e.ClientID, e.Filter) }

func (x *witness) Published(e Published) {
	x.hear("%s published %s %s %d %v", e.ClientID, e.Topic, e.Payload, e.QoS, e.Retain)
}

func (x *witness) Delivered(e Delivered) {
	x.hear("%s delivered %s %s %d %v %v", e.ClientID, e.Topic, e.Payload, e.QoS, e.Retain, e.Dup)
}

func (x *witness) Dropped(e Dropped) {
	x.hear("%s dropped %s %s %d", e.ClientID, e.Topic, e.Payload, e.QoS)
}

// heardNext is what w's witness has heard since the last time.
func (w *world) heardNext(x *witness, want ...string) {
	w.Helper()
	w.settle()
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.Equal(x.heard, want) {
		w.Errorf("heard:\n%s\nwant:\n%s", strings.Join(x.heard, "\n"), strings.Join(want, "\n"))
	}
	x.heard = nil
}

func TestHooks(t *testing.T) {
	for _, v := range versions {
		x := new(witness)
		run(t, Config{Hooks: x, MaximumQueuedMessages: 1}, func(w *world) {
			a := w.join(v, "a", keeping(forever), will("will", "gone"), func(c *packets.Connect) {
				c.HasUsername, c.Username, c.KeepAlive = true, []byte("ann"), 60
			})
			w.heardNext(x, fmt.Sprintf("a connected %s ann 1m0s false", v))
			a.subscribe("x/#", 1)
			a.send(message("x/y", "one", 1, retained))
			a.next()
			a.next()
			w.heardNext(x, "a subscribed x/# 1 false", "a published x/y one 1 true", "a delivered x/y one 1 false false")
			a.lose()
			w.heardNext(x, "a disconnected Success", "a published will gone 0 false")
			for _, payload := range []string{"two", "three"} {
				if err := w.b.Publish(w.Context(), Message{Topic: "x/z", Payload: []byte(payload), QoS: 1}); err != nil {
					t.Error(err)
				}
			}
			w.heardNext(x, " published x/z two 1 false", " published x/z three 1 false", "a dropped x/z three 1")
			a = w.resume(v, "a")
			a.next()
			a.next()
			w.heardNext(x, fmt.Sprintf("a connected %s  0s true", v), "a delivered x/y one 1 false true", "a delivered x/z two 1 false false")
			a.send(&packets.Puback{PacketID: 1}, &packets.Puback{PacketID: 2},
				&packets.Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte("none"), []byte("x/#")}})
			a.next()
			w.heardNext(x, "a unsubscribed x/#")
			b := w.dial(v)
			go b.connect("a", keeping(forever)) // it takes over
			a.ended(packets.SessionTakenOver)
			b.next()
			w.heardNext(x, "a disconnected Session taken over", fmt.Sprintf("a connected %s  0s true", v))
			b.send(&packets.Disconnect{})
			b.closed()
			w.heardNext(x, "a disconnected Success")
			none := w.dial(v)
			none.hex("c000")
			none.closed()
			w.heardNext(x) // who is not accepted was never there
		})
	}
}

// Hooks with one method hear what that is about, and those with none are a
// mistake.
func TestHooksOfOneMethod(t *testing.T) {
	x := new(witness)
	run(t, Config{Hooks: struct{ UnsubscribedHook }{x}}, func(w *world) {
		a := w.join(packets.V5, "a")
		a.subscribe("x", 0)
		a.send(&packets.Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte("x")}})
		a.next()
		w.heardNext(x, "a unsubscribed x")
	})
	_, err := New(Config{Hooks: new(strings.Builder)})
	if err == nil || !strings.Contains(err.Error(), "Config.Hooks is of type *strings.Builder") {
		t.Errorf("got %v", err)
	}
}

// bomb panics at all that it hears.
type bomb struct{}

func (bomb) Connected(Connected)       { panic("at connected") }
func (bomb) Disconnected(Disconnected) { panic("at disconnected") }
func (bomb) Subscribed(Subscribed)     { panic("at subscribed") }
func (bomb) Unsubscribed(Unsubscribed) { panic("at unsubscribed") }
func (bomb) Published(Published)       { panic("at published") }
func (bomb) Delivered(Delivered)       { panic("at delivered") }
func (bomb) Dropped(Dropped)           { panic("at dropped") }

// A panic of a hook is logged, and changes nothing else.
func TestHooksPanic(t *testing.T) {
	run(t, Config{Hooks: bomb{}, MaximumQueuedMessages: 1}, func(w *world) {
		a, b := w.join(packets.V5, "a"), w.join(packets.V5, "b", keeping(60))
		a.subscribe("x", 1)
		b.subscribe("x", 1)
		b.lose()
		for range 2 {
			if err := w.b.Publish(w.Context(), Message{Topic: "x", QoS: 1}); err != nil {
				t.Error(err)
			}
			a.next()
		}
		b = w.resume(packets.V5, "b")
		b.want(`PUBLISH qos=1 topic=x packet-id=1 payload=""`)
		a.send(&packets.Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte("x")}})
		a.want("UNSUBACK packet-id=1 reason=0x00")
		for _, name := range []string{"connected", "disconnected", "subscribed", "unsubscribed", "published", "delivered", "dropped"} {
			if !strings.Contains(w.log.String(), "panic: at "+name) {
				t.Errorf("%s is not in the log", name)
			}
		}
	})
}

// presence publishes who is there, and ends what it does not want.
type presence struct{ b *Broker }

func (x *presence) Connected(e Connected) {
	x.say("here", e.ClientID)
	if e.ClientID == "unwanted" {
		x.b.Disconnect(e.ClientID, packets.NotAuthorized)
	}
}

func (x *presence) Disconnected(e Disconnected) {
	x.say("gone", e.ClientID)
	x.b.EndSession(e.ClientID)
}

func (x *presence) Subscribed(e Subscribed) { x.say("subscribed", e.ClientID) }

func (x *presence) say(what, client string) {
	x.b.Publish(context.Background(), Message{Topic: "presence/" + client, Payload: []byte(what)})
	for range x.b.Sessions() {
	}
}

// A hook may call methods of the broker.
func TestHooksCallTheBroker(t *testing.T) {
	x := new(presence)
	run(t, Config{Hooks: x}, func(w *world) {
		x.b = w.b
		all := w.messages(w.Context(), "presence/#")
		a := w.join(packets.V5, "a", keeping(forever))
		a.subscribe("x", 0)
		w.join(packets.V5, "unwanted").ended(packets.NotAuthorized)
		a.lose()
		if _, ok := w.session("a"); ok {
			t.Error("the session has not ended")
		}
		var heard []string
		for m := range all {
			if heard = append(heard, string(m.Payload)); len(heard) == 5 {
				break
			}
		}
		if got := strings.Join(heard, " "); got != "here subscribed here gone gone" {
			t.Errorf("heard %s", got)
		}
	})
}
