package servers

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// way is one to receive the messages of a filter. It is subscribed when it returns.
type way struct {
	name    string
	receive func(t *testing.T, c *client.Client, filter string, qos packets.QoS) inbox
}

var ways = []way{{"handler", subscribe}, {"Receive", pull}, {"Messages", iterate}}

// pull forwards what Receive gives, until the client is closed.
func pull(t *testing.T, c *client.Client, filter string, qos packets.QoS) inbox {
	t.Helper()
	if err := c.Subscribe(patient(t), filter, qos, nil); err != nil {
		t.Fatal(err)
	}
	in := newInbox()
	go func() {
		for {
			m, err := c.Receive(context.Background())
			if err != nil {
				return
			}
			in <- m
		}
	}()
	return in
}

// iterate forwards what a loop sees. Nothing but a message tells that it is subscribed,
// and not a retained one: nats-server 2.15 keeps those some time after its PUBACK.
func iterate(t *testing.T, c *client.Client, filter string, qos packets.QoS) inbox {
	t.Helper()
	in := newInbox()
	go func() {
		for m, err := range c.MessagesAll(context.Background(), client.Subscription{Filter: filter, QoS: qos}) {
			if err != nil {
				return
			}
			in <- m.Clone()
		}
	}()
	for len(in) == 0 && !t.Failed() {
		publish(t, c, client.Message{Topic: filter, QoS: packets.AtLeastOnce})
	}
	publish(t, c, client.Message{Topic: filter, Payload: []byte("ready"), QoS: packets.AtLeastOnce})
	in.until(t, "ready")
	return in
}

// What goes out at any QoS comes in, at the lower of that and what is granted
// [MQTT-3.8.4-8] [MQTT3-3.8.4-6], over every transport and in every way.
func TestExchange(t *testing.T) {
	each(t, every, func(t *testing.T, s *server, v packets.Version) {
		at := s.serve(t)
		for _, scheme := range s.schemes {
			t.Run("over="+scheme, func(t *testing.T) {
				for _, w := range ways {
					long := 1 << 20
					if s.name == mosquitto && scheme == "ws" {
						long = 10_000 // 2.0.11 reads 4 KiB of a WebSocket in 100 ms, whatever the frames: 26 s for 1 MiB
					}
					t.Run("way="+w.name, func(t *testing.T) { exchange(t, at.url(scheme), v, w, long) })
				}
			})
		}
	})
}

// exchange is of payloads of up to long bytes.
func exchange(t *testing.T, address string, v packets.Version, w way, long int) {
	t.Helper()
	for granted := range packets.ExactlyOnce + 1 {
		c := dial(t, address, client.Config{Version: v})
		topic := fmt.Sprintf("%s/%d", w.name, granted)
		in := w.receive(t, c, topic, granted)
		for qos := range packets.ExactlyOnce + 1 {
			sizes := []int{0, 1, min(long, 64<<10)}
			if qos == granted && w.name == "handler" {
				sizes[2] = long
			}
			for _, size := range sizes {
				payload := bytes.Repeat([]byte{byte(size>>16) + byte(qos), 0, 0xff, 'x'}, size/4+1)[:size]
				publish(t, c, client.Message{Topic: topic, Payload: payload, QoS: qos})
				want(t, in.next(t), topic, payload, min(qos, granted), false)
			}
		}
		if n := c.Stats().Connects; n != 1 {
			t.Errorf("%d connections", n)
		}
		if err := c.Disconnect(patient(t)); err != nil {
			t.Error(err)
		}
	}
}

// What is published in order comes in order [MQTT-4.6.0-6] [MQTT3-4.6.0-6], with many
// messages on their way at the same time.
func TestOrder(t *testing.T) {
	const sent = 500
	each(t, every, func(t *testing.T, s *server, v packets.Version) {
		at := newPlace(t)
		if s.name == mosquitto {
			// 2.0.11 mixes up, and loses, what comes at QoS 2 from a client before 5.0
			// beyond max_inflight_messages, 20, of which it cannot tell such a client.
			at.receiveMaximum = sent
		}
		s.serveAt(t, at)
		for qos := range packets.ExactlyOnce + 1 {
			t.Run(fmt.Sprintf("qos=%d", qos), func(t *testing.T) {
				sub, pub := dial(t, at.url("mqtt"), client.Config{Version: v}), dial(t, at.url("mqtt"), client.Config{Version: v})
				in := subscribe(t, sub, "order", qos)
				for n := range sent {
					if _, err := pub.PublishAsync(patient(t), client.Message{Topic: "order", Payload: fmt.Append(nil, n), QoS: qos}); err != nil {
						t.Fatal(err)
					}
				}
				for n := range sent {
					want(t, in.next(t), "order", fmt.Append(nil, n), qos, false)
				}
			})
		}
	})
}
