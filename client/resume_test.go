package client_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// inTurn publishes one message behind the other, all of them on their way at once.
func inTurn(t *testing.T, c *client.Client, all ...client.Message) (deliveries []*client.Delivery) {
	t.Helper()
	for _, m := range all {
		d, err := c.PublishAsync(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		deliveries = append(deliveries, d)
	}
	return deliveries
}

// A session that goes on: what has no answer is sent again, PUBREL first, then the
// messages in their order with DUP, then what is new. [MQTT-4.4.0-1] [MQTT3-4.4.0-1]
// [MQTT-4.6.0-1] [MQTT3-4.6.0-1] [MQTT-3.3.1-1] [MQTT3-3.3.1-1]
func TestSessionGoesOn(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, window(4))
		sent := inTurn(t, c, client.Message{Topic: "a", QoS: 1}, client.Message{Topic: "b", QoS: 2}, client.Message{Topic: "c", QoS: 2}, client.Message{Topic: "d", QoS: 1})
		peer.Expect(`PUBLISH qos=1 topic=a packet-id=1 payload=""`)
		peer.Expect(`PUBLISH qos=2 topic=b packet-id=2 payload=""`)
		peer.Expect(`PUBLISH qos=2 topic=c packet-id=3 payload=""`)
		peer.Expect(`PUBLISH qos=1 topic=d packet-id=4 payload=""`)
		peer.Send(&packets.Pubrec{PacketID: 3})
		peer.Expect("PUBREL packet-id=3")
		peer.Close()
		synctest.Wait()
		sent = append(sent, inTurn(t, c, client.Message{Topic: "e", QoS: 1})...)

		ack := window(4)
		ack.SessionPresent = true
		peer = accept(l, ack)
		peer.Expect("PUBREL packet-id=3")
		peer.Expect(`PUBLISH dup qos=1 topic=a packet-id=1 payload=""`)
		peer.Expect(`PUBLISH dup qos=2 topic=b packet-id=2 payload=""`)
		peer.Expect(`PUBLISH dup qos=1 topic=d packet-id=4 payload=""`)
		if l.Version != packets.V5 { // which has no Receive Maximum to wait for
			peer.Expect(`PUBLISH qos=1 topic=e packet-id=5 payload=""`)
		}
		peer.Send(&packets.Pubcomp{PacketID: 3}, &packets.Puback{PacketID: 1})
		if l.Version == packets.V5 {
			peer.Expect(`PUBLISH qos=1 topic=e packet-id=5 payload=""`)
		}
		peer.Send(&packets.Pubrec{PacketID: 2}, &packets.Puback{PacketID: 4}, &packets.Puback{PacketID: 5})
		peer.Expect("PUBREL packet-id=2")
		peer.Send(&packets.Pubcomp{PacketID: 2})
		for i, d := range sent {
			if err := d.Wait(t.Context()); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		}
		want(t, "in flight", c.Stats().InFlight, 0)
	})
}

// The quota is that of the connection, however much of the former was used.
// [MQTT-4.9.0-1] [MQTT-3.3.4-7]
func TestQuotaIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		c := begin(t, l, kept)
		peer := accept(l, window(3))
		inTurn(t, c, client.Message{Topic: "a", QoS: 1}, client.Message{Topic: "b", QoS: 1}, client.Message{Topic: "c", QoS: 1}, client.Message{Topic: "d", QoS: 1})
		for range 3 {
			peer.Next()
		}
		peer.Close()
		ack := window(1)
		ack.SessionPresent = true
		peer = accept(l, ack)
		for id, want := range []string{"dup qos=1 topic=a", "dup qos=1 topic=b", "dup qos=1 topic=c", "qos=1 topic=d"} {
			id := uint16(id + 1)
			peer.Expect(fmt.Sprintf(`PUBLISH %s packet-id=%d payload=""`, want, id))
			synctest.Wait()
			if n := c.Stats().Sent; n != uint64(id)+3 {
				t.Errorf("%d PUBLISHes before the answer to %d", n, id)
			}
			peer.Send(&packets.Puback{PacketID: id})
		}
	})
}

// Requests without an answer are asked again, as they were.
func TestRequestsAreAskedAgain(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		got := make(chan string)
		id := ""
		if l.Version == packets.V5 {
			id = "subscription-identifier=1 "
		}
		subscribing := async(func() error { return c.Subscribe(t.Context(), "a", 1, collect(got)) })
		peer.Next()
		unsubscribing := async(func() error { return c.Unsubscribe(t.Context(), "b") })
		peer.Expect("UNSUBSCRIBE packet-id=2 filter=b")
		peer.Close()
		peer = accept(l, present())
		subscribe, _ := peer.Next().(*packets.Subscribe)
		_, identified := subscribe.Props.SubscriptionIdentifier()
		want(t, "identified", identified, id != "")
		want(t, "packet identifier", subscribe.PacketID, 1)
		peer.Expect("UNSUBSCRIBE packet-id=2 filter=b")
		pending(t, subscribing)
		peer.Send(&packets.Suback{PacketID: 1, Reasons: []packets.ReasonCode{1}})
		want(t, "subscribe", <-subscribing, nil)
		peer.Close()
		peer = accept(l, nil) // the session is lost: both once, and once each
		subscribe, _ = peer.Next().(*packets.Subscribe)
		want(t, "filter", string(subscribe.Filters[0].Filter), "a")
		unsubscribed(peer, 1)
		want(t, "unsubscribe", <-unsubscribing, nil)
		peer.Send(message(0, 0, "a", "hi"))
		want(t, "message", <-got, "a=hi")
		published := publish(c, 0, "end")
		peer.Expect(`PUBLISH topic=end payload="hi"`)
		want(t, "publish", <-published, nil)
	})
}

// Who stops waiting is told what the server has seen, and the exchange goes on.
func TestContextEndsWhileOffline(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		ctx, cancel := context.WithCancel(t.Context())
		do := func(topic string) []<-chan error {
			return []<-chan error{
				async(func() error { return c.Publish(ctx, client.Message{Topic: topic, QoS: 1}) }),
				async(func() error { return c.Subscribe(ctx, topic, 0, calls(func() {})) }),
			}
		}
		sent := do("sent")
		peer.Next()
		peer.Next()
		peer.Close()
		synctest.Wait()
		waiting := append(do("waits"), async(func() error { return c.Publish(ctx, client.Message{Topic: "waits"}) }),
			async(func() error { return c.Unsubscribe(ctx, "waits") }), async(func() error { return c.Ping(ctx) }))
		synctest.Wait()
		cancel()
		for _, err := range sent {
			wantError(t, <-err, client.ErrUnknown, context.Canceled)
		}
		for _, err := range waiting {
			wantError(t, <-err, client.ErrNotSent, context.Canceled)
		}
		peer = accept(l, present())
		seen := map[packets.Type]uint16{}
		for range 2 {
			switch p := peer.Next().(type) {
			case *packets.Publish:
				want(t, "topic", string(p.Topic), "sent")
				seen[packets.TypePublish] = p.PacketID
			case *packets.Subscribe:
				want(t, "filter", string(p.Filters[0].Filter), "sent")
				seen[packets.TypeSubscribe] = p.PacketID
			}
		}
		peer.Send(&packets.Puback{PacketID: seen[packets.TypePublish]},
			&packets.Suback{PacketID: seen[packets.TypeSubscribe], Reasons: []packets.ReasonCode{0}})
		synctest.Wait()
		want(t, "in flight", c.Stats().InFlight, 0) // no identifier is lost
		want(t, "waiting", c.Stats().Waiting, 0)
	})
}
