package servers

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// Section 4.7. The message to "end" tells that there is no more: at QoS 0, for
// nats-server keeps no order between subscriptions at the others.
func TestWildcards(t *testing.T) {
	each(t, every, func(t *testing.T, s *server, v packets.Version) {
		at := s.serve(t)
		topics := []string{"a", "a/b", "a/b/c", "a//c", "/a", "$a/b", "b"}
		pub := dial(t, at.url("mqtt"), client.Config{Version: v})
		for _, test := range []struct {
			filter string
			want   []string
		}{
			{"#", []string{"a", "a/b", "a/b/c", "a//c", "/a", "b"}},
			{"+", []string{"a", "b"}},
			{"a/#", []string{"a", "a/b", "a/b/c", "a//c"}}, // the parent level too, section 4.7.1.2
			{"+/#", []string{"a", "a/b", "a/b/c", "a//c", "/a", "b"}},
			{"a/+", []string{"a/b"}},
			{"a/+/c", []string{"a/b/c", "a//c"}},
			{"+/+", []string{"a/b", "/a"}},
			{"/+", []string{"/a"}},
			{"$a/+", []string{"$a/b"}},
			{"+/b", []string{"a/b"}}, // nothing of $a [MQTT-4.7.2-1] [MQTT3-4.7.2-1]
		} {
			t.Run(fmt.Sprintf("filter=%q", test.filter), func(t *testing.T) {
				want := test.want
				if s.name == mochi && test.filter == "+/#" {
					want = []string{"a/b", "a/b/c", "a//c", "/a"} // 2.7.9 leaves out the parent level behind +
				}
				sub := dial(t, at.url("mqtt"), client.Config{Version: v})
				in := newInbox()
				if _, err := sub.SubscribeAll(patient(t), in.handle, client.Subscription{Filter: test.filter}, client.Subscription{Filter: "end"}); err != nil {
					t.Fatal(err)
				}
				for _, topic := range topics {
					publish(t, pub, client.Message{Topic: topic, Payload: []byte(topic), QoS: 1})
				}
				publish(t, pub, client.Message{Topic: "end", Payload: []byte("end"), QoS: 1})
				got := in.until(t, "end")
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		}
	})
}

// Of subscriptions that overlap, each handler is called once for a message. A server
// before 5.0 may send a copy for each of them, section 3.3.5, and nothing tells whose
// it is: then each handler is called for each copy.
func TestOverlapping(t *testing.T) {
	each(t, every, func(t *testing.T, s *server, v packets.Version) {
		at := s.serve(t)
		c := dial(t, at.url("mqtt"), client.Config{Version: v})
		filters := []string{"o/#", "o/+", "o/a"}
		var handlers []inbox
		for i, f := range filters {
			handlers = append(handlers, subscribe(t, c, f, packets.QoS(i)))
		}
		publish(t, c, client.Message{Topic: "o/a", Payload: []byte("once"), QoS: 2})
		publish(t, c, client.Message{Topic: "o/a", Payload: []byte("end"), QoS: 2})
		for i, in := range handlers {
			got := in.until(t, "end")
			once := slices.Equal(got, []string{"once"})
			if v == packets.V5 && !once {
				t.Errorf("the handler of %s gets %q", filters[i], got)
			}
			if len(got) == 0 || len(slices.Compact(got)) > 1 || len(got) > len(filters) {
				t.Errorf("the handler of %s gets %q", filters[i], got)
			}
		}
	})
}

// Section 4.8.2 is of 5.0, but most servers go by it in earlier versions too.
func TestShared(t *testing.T) {
	each(t, every, func(t *testing.T, s *server, v packets.Version) {
		if s.name == nats {
			t.Skip("nats-server has no shared subscriptions for MQTT, which 3.1.1 does not ask for")
		}
		at := s.serve(t)
		pub := dial(t, at.url("mqtt"), client.Config{Version: v})
		var members []inbox
		for range 2 {
			c := dial(t, at.url("mqtt"), client.Config{Version: v})
			in := newInbox()
			if _, err := c.SubscribeAll(patient(t), in.handle, client.Subscription{Filter: "$share/group/shared", QoS: 1}, client.Subscription{Filter: "end", QoS: 1}); err != nil {
				t.Fatal(err)
			}
			members = append(members, in)
		}
		var want, got []string
		for n := range 20 {
			payload := fmt.Sprintf("%02d", n)
			want = append(want, payload)
			publish(t, pub, client.Message{Topic: "shared", Payload: []byte(payload), QoS: 1})
		}
		publish(t, pub, client.Message{Topic: "end", Payload: []byte("end"), QoS: 1})
		for _, in := range members {
			part := in.until(t, "end")
			if len(part) == 0 {
				t.Error("a member gets nothing")
			}
			got = append(got, part...)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("together the members get %q, want %q", got, want)
		}
	})
}

// Section 3.3.1.3. The last one is for those who subscribe later, with RETAIN; who is
// there sees it without.
func TestRetained(t *testing.T) {
	each(t, every, func(t *testing.T, s *server, v packets.Version) {
		at := s.serve(t)
		for qos := range packets.ExactlyOnce + 1 {
			c := dial(t, at.url("mqtt"), client.Config{Version: v})
			topic := fmt.Sprint("kept/", qos)
			live := subscribe(t, c, topic, 2)
			for _, payload := range []string{"old", "new"} {
				publish(t, c, client.Message{Topic: topic, Payload: []byte(payload), QoS: qos, Retain: true})
				want(t, live.next(t), topic, []byte(payload), qos, false)
			}
			late := dial(t, at.url("mqtt"), client.Config{Version: v})
			in := subscribe(t, late, topic, 2)
			for s.name == nats && len(in) == 0 {
				in = subscribe(t, late, topic, 2) // 2.15 retains a message some time after its PUBACK
			}
			want(t, in.next(t), topic, []byte("new"), qos, true)
			publish(t, c, client.Message{Topic: topic, QoS: qos, Retain: true}) // [MQTT-3.3.1-6] [MQTT3-3.3.1-10]
			want(t, live.next(t), topic, nil, qos, false)
			later := dial(t, at.url("mqtt"), client.Config{Version: v})
			in = subscribe(t, later, topic, 2)
			publish(t, c, client.Message{Topic: topic, Payload: []byte("live"), QoS: qos})
			got := in.next(t)
			if s.name == nats && got.Retain {
				got = in.next(t) // nor does it forget one at once
			}
			want(t, got, topic, []byte("live"), qos, false)
		}
	})
}
