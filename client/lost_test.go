package client_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// A session that the server has lost: QoS 1 is sent as new, what was under way at
// QoS 2 may have arrived, and the new messages follow. [MQTT-3.2.2-5]
func TestSessionLost(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		all := inTurn(t, c, client.Message{Topic: "a", QoS: 2}, client.Message{Topic: "b", QoS: 1}, client.Message{Topic: "c", QoS: 2}, client.Message{Topic: "d", QoS: 1})
		for range 4 {
			peer.Next()
		}
		peer.Send(&packets.Pubrec{PacketID: 1})
		peer.Expect("PUBREL packet-id=1")
		peer.Close()
		synctest.Wait()
		all = append(all, inTurn(t, c, client.Message{Topic: "e", QoS: 2})...)

		peer = accept(l, nil)
		for id, want := range []string{"qos=1 topic=b", "qos=1 topic=d", "qos=2 topic=e"} {
			peer.Expect(fmt.Sprintf(`PUBLISH %s packet-id=%d payload=""`, want, id+5)) // 1 to 4 were of the session lost
		}
		peer.Send(&packets.Puback{PacketID: 5}, &packets.Puback{PacketID: 6}, &packets.Pubrec{PacketID: 7})
		peer.Expect("PUBREL packet-id=7")
		peer.Send(&packets.Pubcomp{PacketID: 7})
		for i, d := range all {
			if err := d.Wait(t.Context()); i == 0 || i == 2 {
				wantError(t, err, client.ErrUnknown)
			} else {
				want(t, fmt.Sprintf("message %d", i), err, nil)
			}
		}
		want(t, "in flight", c.Stats().InFlight, 0)
	})
}

// What waits to be sent once more was sent: who gives it up does not know.
func TestSessionLostAndGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		c := begin(t, l, kept)
		peer := accept(l, nil)
		ctx, cancel := context.WithCancel(t.Context())
		inTurn(t, c, client.Message{Topic: "first", QoS: 1})
		peer.Next()
		second := async(func() error { return c.Publish(ctx, client.Message{Topic: "second", QoS: 1}) })
		peer.Next()
		peer.Close()
		peer = accept(l, window(1))
		peer.Expect(`PUBLISH qos=1 topic=first packet-id=3 payload=""`)
		pending(t, second)
		cancel()
		wantError(t, <-second, client.ErrUnknown, context.Canceled)
		peer.Send(&packets.Puback{PacketID: 3})
		peer.Expect(`PUBLISH qos=1 topic=second packet-id=4 payload=""`)
	})
}

// The subscriptions come back with their options and identifiers, those of one request
// in one packet, and 64 at most.
func TestSubscriptionsComeBack(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, client.Config{KeepAlive: -1})
		peer := accept(l, nil)
		got := make(chan string)
		all := []client.Subscription{{Filter: "a", QoS: 1, NoLocal: true}, {Filter: "b", RetainAsPublished: true, RetainHandling: 2}}
		done := async(func() error { _, err := c.SubscribeAll(t.Context(), collect(got), all...); return err })
		granted(peer, packets.GrantedQoS1, packets.GrantedQoS0)
		want(t, "subscribe", <-done, nil)
		subscribe(t, c, peer, "ended", collect(got))
		done = async(func() error { return c.Unsubscribe(t.Context(), "ended") })
		unsubscribed(peer, 1)
		want(t, "unsubscribe", <-done, nil)
		var many []client.Subscription
		for i := range 100 {
			many = append(many, client.Subscription{Filter: fmt.Sprintf("many/%02d", i)})
		}
		done = async(func() error { _, err := c.SubscribeAll(t.Context(), nil, many...); return err })
		granted(peer, make([]packets.ReasonCode, 100)...)
		want(t, "subscribe", <-done, nil)
		peer.Close()

		peer = accept(l, nil)
		if l.Version == packets.V5 {
			peer.Expect("SUBSCRIBE packet-id=5 subscription-identifier=1 filter=a qos=1 no-local filter=b retain-as-published retain-handling=2")
		}
		filters := 0
		for filters < 100 {
			p, _ := peer.Next().(*packets.Subscribe)
			filters += len(p.Filters)
			if len(p.Filters) > 64 {
				t.Errorf("%d filters in one packet", len(p.Filters))
			}
			peer.Send(&packets.Suback{PacketID: p.PacketID, Reasons: make([]packets.ReasonCode, len(p.Filters))})
		}
		for _, m := range []*packets.Publish{message(0, 0, "ended", "to nobody"), message(0, 0, "b", "hi")} {
			peer.Send(m)
		}
		want(t, "message", <-got, "b=hi")
	})
}

// A subscription that is not granted again is over, and said to the log only.
func TestSubscriptionIsRefusedAgain(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		subscribe(t, c, peer, "a", calls(func() { t.Error("the subscription is over") }))
		peer.Close()
		peer = accept(l, nil)
		granted(peer, packets.UnspecifiedError)
		peer.Send(message(1, 1, "a", "to nobody"))
		peer.Expect("PUBACK packet-id=1")
		peer.Close()
		peer = accept(l, nil)
		published := publish(c, 0, "b") // and nothing before it
		peer.Expect(`PUBLISH topic=b payload="hi"`)
		want(t, "publish", <-published, nil)
	})
}

// Without KeepSession a server of 5.0 keeps the session as long as the Client lives, or
// as long as it says, and one before it starts anew each time. [MQTT-3.1.2-4]
// [MQTT3-3.1.2-6]
func TestBorrowedSession(t *testing.T) {
	borrow(t, 0, 300, "DISCONNECT session-expiry-interval=0")
	borrow(t, time.Minute, 60, "DISCONNECT")
}

func borrow(t *testing.T, asked time.Duration, granted uint32, goodbye string) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, client.Config{ClientID: "x", SessionExpiry: asked})
		peer := l.Accept()
		for i := range 3 {
			connect, _ := peer.Next().(*packets.Connect)
			expiry, _ := connect.Props.SessionExpiryInterval()
			if l.Version == packets.V5 {
				want(t, "expiry", expiry, granted)
			}
			want(t, "clean", connect.CleanStart, i == 0 || l.Version != packets.V5)
			peer.Send(&packets.Connack{SessionPresent: i > 0 && l.Version == packets.V5})
			time.Sleep(time.Second)
			if i < 2 {
				peer.Close()
				peer = l.Accept()
			}
		}
		closed := async(c.Close)
		if l.Version == packets.V5 {
			peer.Expect(goodbye)
		} else {
			peer.Expect("DISCONNECT")
		}
		peer.ExpectEnd()
		want(t, "close", <-closed, nil)
	})
}
