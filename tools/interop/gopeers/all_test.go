package gopeers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestExchange(t *testing.T) {
	each(t, func(t *testing.T, dial dialer) {
		sub, pub := dial(t, options{id: "sub"}), dial(t, options{id: "pub"})
		for granted := range byte(3) {
			filter := fmt.Sprintf("t/%d/+", granted)
			sub.subscribe(t, filter, granted)
			for qos := range byte(3) {
				for _, payload := range []string{"", "hi", "\x00\xff", strings.Repeat("0123456789", 30_000)} {
					m := message{topic: fmt.Sprintf("t/%d/%d", granted, qos), payload: payload, qos: qos}
					pub.publish(t, m)
					m.qos = min(qos, granted)
					want(t, sub, m)
				}
			}
			sub.unsubscribe(t, filter)
		}
		sub.subscribe(t, "end", 0)
		pub.publish(t, message{topic: "t/1/1", payload: "to nobody", qos: 1})
		pub.publish(t, message{topic: "end", qos: 1})
		want(t, sub, message{topic: "end"})
		sub.close(t)
		pub.close(t)
	})
}

func TestRetained(t *testing.T) {
	each(t, func(t *testing.T, dial dialer) {
		c := dial(t, options{id: "c"})
		kept := message{topic: "kept", payload: "old", qos: 2, retain: true}
		c.publish(t, kept)
		c.subscribe(t, "kept", 2)
		want(t, c, kept)
		c.publish(t, message{topic: "kept", qos: 1, retain: true})
		want(t, c, message{topic: "kept", qos: 1})
		c.subscribe(t, "#", 0) // nothing is kept any more
		c.publish(t, message{topic: "end"})
		want(t, c, message{topic: "end"})
		c.close(t)
	})
}

// A will is published for a client whose connection is cut, and not for one that
// leaves.
func TestWill(t *testing.T) {
	each(t, func(t *testing.T, dial dialer) {
		watcher := dial(t, options{id: "watcher"})
		watcher.subscribe(t, "will/+", 1)
		leaving, dying := dial(t, options{id: "leaving", will: "will/leaving"}), dial(t, options{id: "dying", will: "will/dying"})
		leaving.close(t)
		dying.cut()
		want(t, watcher, message{topic: "will/dying", payload: "gone", qos: 1})
		watcher.close(t)
	})
}

func TestSession(t *testing.T) {
	each(t, func(t *testing.T, dial dialer) {
		stays := dial(t, options{id: "stays", stays: true})
		stays.subscribe(t, "s", 1)
		stays.close(t)
		pub := dial(t, options{id: "pub"})
		for n := range 50 {
			pub.publish(t, message{topic: "s", payload: fmt.Sprint(n), qos: byte(1 + n%2)})
		}
		stays = dial(t, options{id: "stays", stays: true})
		for n := range 50 {
			want(t, stays, message{topic: "s", payload: fmt.Sprint(n), qos: 1})
		}
		pub.publish(t, message{topic: "s", payload: "live", qos: 2})
		want(t, stays, message{topic: "s", payload: "live", qos: 1})
		stays.close(t)
		dial(t, options{id: "stays"}).close(t) // ends the session
		pub.publish(t, message{topic: "s", payload: "to nobody", qos: 1})
		stays = dial(t, options{id: "stays", stays: true})
		stays.subscribe(t, "end", 1)
		pub.publish(t, message{topic: "end", qos: 1})
		want(t, stays, message{topic: "end", qos: 1})
		stays.close(t)
		pub.close(t)
	})
}

func TestShared(t *testing.T) {
	each(t, func(t *testing.T, dial dialer) {
		members, pub := []peer{dial(t, options{id: "one"}), dial(t, options{id: "two"})}, dial(t, options{id: "pub"})
		for _, m := range members {
			m.subscribe(t, "$share/group/shared", 1)
			m.subscribe(t, "end", 1)
		}
		const sent = 20
		for n := range sent {
			pub.publish(t, message{topic: "shared", payload: fmt.Sprint(n), qos: 1})
		}
		pub.publish(t, message{topic: "end", qos: 1})
		got := map[string]int{}
		for _, c := range members {
			before := len(got)
			for m := next(t, c); m.topic != "end"; m = next(t, c) {
				got[m.payload]++
			}
			if len(got) == before {
				t.Error("a member gets nothing new")
			}
			c.close(t)
		}
		for n := range sent {
			if times := got[fmt.Sprint(n)]; times != 1 {
				t.Errorf("message %d comes %d times", n, times)
			}
		}
		pub.close(t)
	})
}

func TestTakeover(t *testing.T) {
	each(t, func(t *testing.T, dial dialer) {
		first := dial(t, options{id: "one"})
		first.subscribe(t, "x", 1)
		second := dial(t, options{id: "one"})
		wantEnd(t, first)
		second.subscribe(t, "y", 1)
		second.publish(t, message{topic: "x", payload: "of the first", qos: 1})
		second.publish(t, message{topic: "y", payload: "of the second", qos: 1})
		want(t, second, message{topic: "y", payload: "of the second", qos: 1})
		second.close(t)
	})
}

// A connection lasts that is idle for longer than one and a half times the keep
// alive. Only time passes here, for all of them at once.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	type idler struct {
		peer
		library, topic string
	}
	var idle []idler
	for _, scheme := range []string{"mqtt", "ws"} {
		where := startBroker(t, scheme)
		for i, l := range libraries {
			if slices.Contains(l.schemes, scheme) {
				id := fmt.Sprint("idle", i)
				c := l.dial(t, where, options{id: id, keepAlive: 2})
				c.subscribe(t, id, 1)
				idle = append(idle, idler{c, l.name + "," + scheme, id})
			}
		}
	}
	<-time.After(4 * time.Second)
	for _, c := range idle {
		select {
		case <-c.ended():
			t.Errorf("%s: the connection has ended", c.library)
			continue
		default:
		}
		c.publish(t, message{topic: c.topic, payload: "awake", qos: 1})
		want(t, c, message{topic: c.topic, payload: "awake", qos: 1})
		c.close(t)
	}
}
