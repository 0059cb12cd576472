package client_test

import (
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// What a kept session sends before the program has subscribed is for the handler that
// subscribes a moment later, in order, and acknowledged when it has been handled.
func TestEarlyMessagesReachTheirHandler(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, present())
		peer.Send(message(1, 1, "a/1", "one"), message(1, 2, "b", "of another"), message(2, 3, "a/2", "two"))
		synctest.Wait()
		want(t, "waits", c.Stats().Unread > 0, true)

		got := make(chan string)
		done := async(func() error { return c.Subscribe(t.Context(), "a/+", 2, collect(got)) })
		peer.Next()
		peer.Send(message(1, 4, "a/3", "three"))
		want(t, "first", <-got, "a/1=one")
		peer.Expect("PUBACK packet-id=1")
		want(t, "second", <-got, "a/2=two")
		want(t, "third", <-got, "a/3=three")
		granted := []packets.ReasonCode{packets.GrantedQoS2}
		peer.Send(&packets.Suback{PacketID: 1, Reasons: granted})
		want(t, "subscribe", <-done, nil)

		done = async(func() error { return c.Subscribe(t.Context(), "b", 2, collect(got)) })
		peer.Next()
		want(t, "of another", <-got, "b=of another")
		peer.Expect("PUBACK packet-id=2") // which the others have waited for
		peer.Expect("PUBREC packet-id=3")
		peer.Expect("PUBACK packet-id=4")
		peer.Send(&packets.Suback{PacketID: 2, Reasons: granted})
		want(t, "subscribe", <-done, nil)
		synctest.Wait()
		want(t, "unread", c.Stats().Unread, 0)
	})
}

// They are also there for a loop, and for Receive as long as nobody has subscribed.
func TestEarlyMessagesReachALoop(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, present())
		peer.Send(message(1, 1, "a", "zero"), message(1, 2, "a", "one"), message(1, 3, "b", "to nobody yet"))
		synctest.Wait()
		receiving := async(func() error { _, err := c.Receive(t.Context()); return err })
		peer.Expect("PUBACK packet-id=1")
		want(t, "receive", <-receiving, nil)

		looped := async(func() error {
			for m, err := range c.Messages(t.Context(), "a") {
				want(t, "message", string(m.Payload), "one")
				return err
			}
			return nil
		})
		granted(peer, packets.GrantedQoS2)
		peer.Expect("PUBACK packet-id=2")
		unsubscribed(peer, 1)
		want(t, "loop", <-looped, nil)
		go peer.Ignore()
		receive(t, c, "to nobody yet")
	})
}

// unsubscribed answers an UNSUBSCRIBE of so many filters.
func unsubscribed(peer *clienttest.Peer, filters int) {
	p, _ := peer.Next().(*packets.Unsubscribe)
	answer := &packets.Unsuback{PacketID: p.PacketID}
	if peer.Version == packets.V5 {
		answer.Reasons = make([]packets.ReasonCode, filters)
	}
	peer.Send(answer)
}

// A connection that ends in between makes none of them come twice at QoS 2.
func TestEarlyMessagesOutliveTheConnection(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, present())
		peer.Send(message(2, 1, "a", "once"))
		peer.Close()
		peer = accept(l, present())
		again := message(2, 1, "a", "once")
		again.Dup = true
		peer.Send(again)
		synctest.Wait()
		got := make(chan string, 2)
		done := async(func() error { return c.Subscribe(t.Context(), "a", 2, collect(got)) })
		granted(peer, packets.GrantedQoS2)
		peer.Expect("PUBREC packet-id=1") // [MQTT-4.3.3-10] [MQTT3-4.3.3-2]
		want(t, "subscribe", <-done, nil)
		synctest.Wait()
		want(t, "messages", len(got), 1)
	})
}

// A session that only this Client has had has no messages for a next one: what matches
// no subscription any more is acknowledged and discarded.
func TestNoStraysWithoutKeepSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		c := begin(t, l, client.Config{KeepAlive: -1})
		peer := accept(l, nil)
		peer.Close()
		peer = accept(l, present())
		peer.Send(message(1, 1, "a", "unsubscribed from"))
		peer.Expect("PUBACK packet-id=1")
		want(t, "unread", c.Stats().Unread, 0)
	})
}

// What the server still had for a subscription that the program has ended waits for
// nobody: it would hold up all acknowledgements behind it. [MQTT-3.10.4-3]
func TestNoStraysOfAnEndedSubscription(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, present())
		got := make(chan string, 1)
		subscribe(t, c, peer, "a/+", collect(got))
		done := async(func() error { return c.Unsubscribe(t.Context(), "a/+") })
		unsubscribed(peer, 1)
		want(t, "unsubscribe", <-done, nil)
		peer.Send(message(1, 1, "a/1", "still there"))
		peer.Expect("PUBACK packet-id=1")
		want(t, "unread", c.Stats().Unread, 0)
		subscribe(t, c, peer, "a/1", collect(got))
		peer.Send(message(1, 1, "a/1", "new"))
		peer.Expect("PUBACK packet-id=1")
		want(t, "message", <-got, "a/1=new")
	})
}
