package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// rules are an Authorize that a test changes while it runs.
type rules struct {
	mu    sync.Mutex
	taboo []string // topics and filters that are refused
	asked []string
}

func (r *rules) authorize(_ context.Context, a *Access) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, fmt.Sprintf("%s as %s %s %s%s %d %t", a.ClientID, a.Username, a.Action, a.ShareName, a.Topic, a.QoS, a.Retain))
	switch {
	case slices.Contains(r.taboo, a.Topic):
		return errors.New("taboo")
	case a.Topic == "quota":
		return Refuse(packets.QuotaExceeded)
	case a.Topic == "banned":
		return Refuse(packets.Banned)
	}
	return nil
}

func (r *rules) forbid(topics ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taboo = append(r.taboo, topics...)
}

// allow takes back what was forbidden.
func (r *rules) allow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taboo = nil
}

func (r *rules) questions() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, r.asked = r.asked, nil
	return all
}

func named(user string) func(*packets.Connect) {
	return func(c *packets.Connect) { c.HasUsername, c.Username = true, []byte(user) }
}

// [MQTT3-3.3.5-2]: what is refused is not passed on, not retained, and where there
// is a place for it the client gets to know.
func TestPublishNotAuthorized(t *testing.T) {
	r := &rules{taboo: []string{"taboo"}}
	run(t, Config{Authorize: r.authorize}, func(w *world) {
		watcher := w.join(packets.V5, "watcher")
		watcher.subscribe("#", 2)
		a := w.join(packets.V5, "a")
		a.send(message("taboo", "m", 0, retained), message("taboo", "m", 1, retained))
		a.want("PUBACK packet-id=1 reason=0x87")
		a.send(message("quota", "m", 1), message("banned", "m", 1)) // PUBACK cannot say Banned
		a.want("PUBACK packet-id=1 reason=0x97", "PUBACK packet-id=1 reason=0x87")
		for range 2 { // the identifier is free again [MQTT-4.3.3-9]
			a.send(message("taboo", "m", 2, retained))
			a.want("PUBREC packet-id=1 reason=0x87")
		}
		for _, v := range []packets.Version{packets.V31, packets.V311} {
			b := w.join(v, "b")
			b.send(message("taboo", "m", 0), message("taboo", "m", 1, retained), message("taboo", "m", 2, numbered(2)))
			b.want("PUBACK packet-id=1", "PUBREC packet-id=2")
			b.send(&packets.Pubrel{PacketID: 2})
			b.want("PUBCOMP packet-id=2")
		}
		watcher.quiet()
		if s := w.b.Stats(); s.NotAuthorized != 12 || s.Retained != 0 {
			t.Errorf("%d are not authorized, %d retained", s.NotAuthorized, s.Retained)
		}
		a.send(message("fine", "m", 1))
		a.want("PUBACK packet-id=1")
		watcher.want(`PUBLISH qos=1 topic=fine packet-id=1 payload="m"`)
		if s := w.log.String(); !strings.Contains(s, "action=publish topic=taboo") || !strings.Contains(s, "taboo") {
			t.Errorf("log:\n%s", s)
		}
	})
}

// A message behind a topic alias is asked about by its topic.
func TestTopicAliasIsAuthorized(t *testing.T) {
	r := &rules{taboo: []string{"taboo"}}
	run(t, Config{Authorize: r.authorize}, func(w *world) {
		a := w.join(packets.V5, "a")
		aliased := func(m *packets.Publish) { m.Props.SetTopicAlias(1) }
		a.send(message("taboo", "m", 1, aliased), message("", "m", 1, aliased))
		a.want("PUBACK packet-id=1 reason=0x87", "PUBACK packet-id=1 reason=0x87")
	})
}

func TestSubscribeNotAuthorized(t *testing.T) {
	r := &rules{taboo: []string{"taboo/#"}}
	run(t, Config{Authorize: r.authorize}, func(w *world) {
		filters := []packets.Subscription{{Filter: []byte("taboo/#"), QoS: 1}, {Filter: []byte("fine"), QoS: 1}, {Filter: []byte("$share/g/taboo/#"), QoS: 1}}
		for v, want := range map[packets.Version]string{packets.V5: "[0x87 0x01 0x87]", packets.V311: "[0x80 0x01 0x80]"} {
			a := w.join(v, "a")
			a.send(&packets.Subscribe{PacketID: 1, Filters: filters})
			if s := a.next().(*packets.Suback); codes(s) != want {
				t.Errorf("%s: %s, want %s", v, codes(s), want)
			}
			b := w.join(packets.V5, "b")
			b.passes(message("taboo/x", "m", 1, retained), message("fine", "m", 1))
			a.want(`PUBLISH qos=1 topic=fine packet-id=1 payload="m"`)
			a.quiet()
		}
		c := w.join(packets.V31, "c")
		c.send(&packets.Subscribe{PacketID: 1, Filters: filters[:1]})
		c.ended(packets.QuotaExceeded)
		if n := w.b.Stats().NotAuthorized; n != 5 {
			t.Errorf("%d are not authorized", n)
		}
	})
}

func codes(s *packets.Suback) string {
	all := make([]string, len(s.Reasons))
	for i, c := range s.Reasons {
		all[i] = fmt.Sprintf("0x%02x", byte(c))
	}
	return fmt.Sprint(all)
}

// Who subscribes again and must not any more, has lost the subscription.
func TestSubscribeAgainNotAuthorized(t *testing.T) {
	r := new(rules)
	run(t, Config{Authorize: r.authorize}, func(w *world) {
		r.allow()
		a := w.join(packets.V5, "a")
		a.subscribe("x", 1)
		r.forbid("x")
		a.send(&packets.Subscribe{PacketID: 2, Filters: []packets.Subscription{{Filter: []byte("x"), QoS: 1}}})
		if s := a.next().(*packets.Suback); codes(s) != "[0x87]" {
			t.Error(codes(s))
		}
		if n := w.b.Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions", n)
		}
	})
}

// [MQTT-3.1.4-2]: a will that is not allowed lets nobody in, and ends no session.
func TestWillNotAuthorized(t *testing.T) {
	r := &rules{taboo: []string{"taboo"}}
	run(t, Config{Authorize: r.authorize}, func(w *world) {
		holder := w.join(packets.V5, "a")
		for v, want := range map[packets.Version]string{packets.V5: "0x87", packets.V311: "0x05", packets.V31: "0x05"} {
			a := w.dial(v)
			a.connect("a", will("taboo", "m"))
			a.want("CONNACK reason=" + want)
			a.closed()
		}
		holder.quiet()
		watcher := w.join(packets.V5, "watcher")
		watcher.subscribe("fine", 0)
		w.join(packets.V5, "b", will("fine", "m")).lose()
		watcher.want(`PUBLISH topic=fine payload="m"`)
	})
}

// What Authorize is told, and when it is asked.
func TestWhatIsAsked(t *testing.T) {
	r := new(rules)
	config := scripted
	config.Authorize = r.authorize
	config.Authenticate = func(_ context.Context, l *Login) error {
		l.Username = strings.ToUpper(l.Username)
		return nil
	}
	runInMemory(t, config, func(w *world) {
		a := w.join(packets.V311, "a", named("ann"), will("w", "m"), func(c *packets.Connect) { c.WillQoS, c.WillRetain, c.CleanStart = 1, true, false })
		a.subscribe("$share/g/x", 2)
		a.send(message("y", "m", 2), message("y", "m", 2)) // a repeat
		a.want("PUBREC packet-id=1", "PUBREC packet-id=1")
		a.lose()
		w.resume(packets.V311, "a", named("bob"))
		want := []string{
			"a as ANN publish w 1 true", "a as ANN subscribe gx 2 false", "a as ANN publish y 2 false", "a as ANN publish y 2 false",
			"a as BOB subscribe gx 0 false",
		}
		if got := r.questions(); !slices.Equal(got, want) {
			t.Errorf("asked %q, want %q", got, want)
		}
		b := w.dial(packets.V5)
		b.connect("b", proving("script", "fine"), named("carl"))
		b.welcomed("welcome")
		b.send(message("y", "m", 0))
		w.settle()
		if got := r.questions(); !slices.Equal(got, []string{"b as carl publish y 0 false"}) {
			t.Errorf("asked %q", got)
		}
	})
}

// Of a session whose rights have changed, nothing of what is not allowed any more
// comes: neither what waits, nor what was sent and is to be sent again, nor what is
// retained, nor what is published now. The rest does.
func TestResumedSessionIsAuthorized(t *testing.T) {
	for _, v := range []packets.Version{packets.V311, packets.V5} {
		r := new(rules)
		run(t, Config{Authorize: r.authorize}, func(w *world) {
			r.allow()
			p := w.join(packets.V5, "publisher")
			p.passes(message("taboo/retained", "m", 1, retained))
			a := w.join(v, "a", keeping(forever))
			a.subscribe("fine/#", 2)
			a.subscribe("taboo/+", 2, func(s *packets.Subscription) { s.RetainHandling = packets.DoNotSendRetained })
			if v == packets.V311 {
				a.want(`PUBLISH qos=1 retain topic=taboo/retained packet-id=1 payload="m"`)
				a.send(&packets.Puback{PacketID: 1})
			}
			p.passes(message("taboo/1", "m", 1), message("taboo/2", "m", 2), message("fine/1", "m", 1))
			for range 3 {
				a.next() // without an acknowledgement
			}
			a.lose()
			p.passes(message("taboo/3", "m", 1), message("fine/2", "m", 1), message("taboo/4", "m", 2))
			r.forbid("taboo/+")
			a = w.resume(v, "a")
			var came []string
			for range 3 {
				switch x := a.next().(type) {
				case *packets.Publish:
					came = append(came, string(x.Topic))
				case *packets.Pubrel: // the end of taboo/2, of which the client may know
					came = append(came, "PUBREL")
					a.send(&packets.Pubcomp{PacketID: x.PacketID})
				}
			}
			if want := []string{"PUBREL", "fine/1", "fine/2"}; !slices.Equal(came, want) {
				t.Errorf("%s: %q came, want %q", v, came, want)
			}
			p.passes(message("taboo/5", "m", 1))
			a.quiet()
			if n := w.b.Stats().Subscriptions; n != 1 {
				t.Errorf("%d subscriptions", n)
			}
		})
	}
}

// A client that has unsubscribed gets what was sent before [MQTT-3.10.4-3], whatever
// else it has lost.
func TestResumeCompletesWhatIsNotRefused(t *testing.T) {
	r := new(rules)
	run(t, Config{Authorize: r.authorize}, func(w *world) {
		r.allow()
		a := w.join(packets.V5, "a", keeping(forever))
		a.subscribe("left", 1)
		a.subscribe("taboo", 1)
		w.join(packets.V5, "b").passes(message("left", "m", 1))
		a.want(`PUBLISH qos=1 topic=left packet-id=1 payload="m"`)
		a.send(&packets.Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte("left")}})
		a.next()
		r.forbid("taboo")
		a.lose()
		a = w.resume(packets.V5, "a")
		a.want(`PUBLISH dup qos=1 topic=left packet-id=1 payload="m"`)
		a.quiet()
	})
}

// Retained messages that were allowed, and have not been sent, do not come either.
func TestResumedReplayIsAuthorized(t *testing.T) {
	r := new(rules)
	run(t, Config{Authorize: r.authorize}, func(w *world) {
		r.allow()
		p := w.join(packets.V5, "publisher")
		p.passes(message("fine", "m", 1, retained), message("taboo/1", "m", 1, retained))
		a := w.join(packets.V5, "a", keeping(forever), func(c *packets.Connect) { c.Props.SetReceiveMaximum(1) })
		a.subscribe("fine", 1)
		a.next() // which is not acknowledged, and so nothing else comes
		a.subscribe("taboo/+", 1)
		a.lose()
		r.forbid("taboo/+")
		a = w.resume(packets.V5, "a")
		a.want(`PUBLISH dup qos=1 retain topic=fine packet-id=1 payload="m"`)
		a.quiet()
	})
}

// What waits for a member of a shared subscription that must not be one any more
// goes to the others.
func TestResumedShareIsAuthorized(t *testing.T) {
	r := new(rules)
	runInMemory(t, Config{Authorize: r.authorize, Sharing: Sticky}, func(w *world) {
		r.allow()
		a := w.join(packets.V5, "a", keeping(forever))
		a.subscribe("$share/g/taboo", 1)
		p := w.join(packets.V5, "publisher")
		p.passes(message("taboo", "sent", 1))
		a.next()
		a.lose()
		p.passes(message("taboo", "waits", 1))
		b := w.join(packets.V5, "b")
		b.subscribe("$share/g/taboo", 1)
		r.forbid("taboo")
		a = w.resume(packets.V5, "a")
		b.want(`PUBLISH qos=1 topic=taboo packet-id=1 payload="waits"`, `PUBLISH qos=1 topic=taboo packet-id=2 payload="sent"`)
		a.quiet()
	})
}

// Who does not answer, or panics, harms the connection that asks and no other. Its
// message is not acknowledged, and its session stays.
func TestAuthorizeThatFails(t *testing.T) {
	config := Config{
		ConnectTimeout:   3 * time.Second,
		AuthorizeTimeout: 5 * time.Second,
		Authorize: func(ctx context.Context, a *Access) error {
			switch a.Topic {
			case "panic":
				panic("Authorize")
			case "slow":
				<-ctx.Done()
			}
			if a.Topic == "resumed" && a.Username == "slow" {
				<-ctx.Done()
			}
			return nil
		},
	}
	run(t, config, func(w *world) {
		watcher := w.join(packets.V5, "watcher")
		watcher.subscribe("#", 1)
		for topic, reason := range map[string]packets.ReasonCode{"panic": packets.UnspecifiedError, "slow": packets.ServerBusy} {
			for _, p := range []packets.Packet{
				message(topic, "m", 0), message(topic, "m", 2),
				&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte(topic)}}},
			} {
				start := time.Now()
				a := w.join(packets.V5, "a")
				a.send(p)
				a.ended(reason)
				if d := time.Since(start); topic == "slow" && d != 5*time.Second {
					t.Errorf("after %s", d)
				}
			}
			a := w.dial(packets.V5)
			a.connect("a", will(topic, "m"))
			a.want(fmt.Sprintf("CONNACK reason=0x%02x", byte(reason)))
			a.closed()
		}
		watcher.quiet()

		a := w.join(packets.V5, "a", keeping(100))
		a.subscribe("resumed", 1)
		a.lose()
		a = w.dial(packets.V5)
		a.connect("a", keeping(100), named("slow"))
		a.want("CONNACK reason=0x89")
		a.closed()
		a = w.dial(packets.V5) // and another takes over meanwhile
		a.connect("a", keeping(100), named("slow"))
		w.settle()
		b := w.resume(packets.V5, "a")
		b.send(message("resumed", "m", 0))
		b.want(`PUBLISH topic=resumed payload="m"`)
	})
}

// What comes all at once is handled in its order, CONNECT included, also by a client
// that reads late.
func TestManyToAuthorize(t *testing.T) {
	r := &rules{taboo: []string{"taboo"}}
	run(t, Config{Authorize: r.authorize}, func(w *world) {
		a := w.dial(packets.V5)
		const n = 20_000
		b := (&packets.Connect{ClientID: []byte("a"), CleanStart: true}).AppendTo(nil, packets.V5)
		for i := range n {
			topic := "fine"
			if i%3 == 0 {
				topic = "taboo"
			}
			b = message(topic, "m", 1, numbered(uint16(i+1))).AppendTo(b, packets.V5)
		}
		go a.nc.Write(b)
		w.settle()
		a.next()
		for i := range n {
			want := packets.NoMatchingSubscribers
			if i%3 == 0 {
				want = packets.NotAuthorized
			}
			if p, ok := a.next().(*packets.Puback); !ok || p.PacketID != uint16(i+1) || p.Reason != want {
				t.Fatalf("%v, want PUBACK %d 0x%02x", p, i+1, byte(want))
			}
		}
	})
}

// While one waits for its answer, all others go on.
func TestSlowAuthorizeKeepsNobodyWaiting(t *testing.T) {
	config := Config{Authorize: func(ctx context.Context, a *Access) error {
		if a.Topic == "slow" {
			<-ctx.Done()
		}
		return nil
	}}
	run(t, config, func(w *world) {
		start := time.Now()
		slow, slower := w.join(packets.V5, "slow"), w.join(packets.V5, "slower")
		slow.send(message("slow", "m", 1))
		slower.send(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("slow")}}})
		w.settle()
		for _, id := range []string{"a", "b", "c", "d"} { // more than there are event loops
			a := w.join(packets.V5, id)
			a.subscribe("x", 0)
			a.send(message("x", "m", 1))
			for range 2 {
				a.next() // PUBACK, and the message before it or behind it
			}
			a.send(&packets.Disconnect{})
			a.closed()
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("after %s", d)
		}
		young := w.join(packets.V5, "slow") // nor a takeover
		slow.ended(packets.SessionTakenOver)
		young.send(&packets.Pingreq{})
		young.want("PINGRESP")
		if d := time.Since(start); d != 0 {
			t.Errorf("after %s", d)
		}
	})
}

// A connection that must answer to nobody keeps no name for that.
func TestNobodyToAuthorize(t *testing.T) {
	run(t, Config{}, func(w *world) {
		w.join(packets.V5, "a", named("ann"))
		if w.b.clients["a"].conn.who != nil {
			t.Error("the login is kept")
		}
	})
}

// Where nobody is asked, nobody comes from another machine, unless that is what
// the program wants.
func TestServeOnLoopbackOnly(t *testing.T) {
	yes := func(context.Context, *Login) error { return nil }
	for _, test := range []struct {
		config  Config
		address string
		serves  bool
	}{
		{Config{}, "127.0.0.1:0", true},
		{Config{}, "0.0.0.0:0", false},
		{Config{AllowAnonymous: true}, "0.0.0.0:0", true},
		{Config{Authenticate: yes}, "0.0.0.0:0", true},
		{Config{Methods: scripted.Methods}, "0.0.0.0:0", true},
	} {
		w := newWorld(t, test.config)
		ln, err := net.Listen("tcp", test.address)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err = w.b.Serve(ctx, ln)
		if test.serves && err != nil || !test.serves && (err == nil || !strings.Contains(err.Error(), "AllowAnonymous")) {
			t.Errorf("%s: %v", test.address, err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: the listener is open: %v", test.address, err)
		}
		if said := strings.Contains(w.log.String(), "only this machine"); said != (test.address == "127.0.0.1:0") {
			t.Errorf("%s: log: %s", test.address, w.log)
		}
		w.b.Shutdown(t.Context())
	}
}

// AllowAnonymous is for those who name no method, too.
func TestAllowAnonymousBesideMethods(t *testing.T) {
	config := scripted
	config.AllowAnonymous = true
	run(t, config, func(w *world) {
		w.join(packets.V311, "a")
		a := w.dial(packets.V5)
		a.connect("b", proving("script", "bad"))
		a.want("CONNACK reason=0x87")
	})
}
