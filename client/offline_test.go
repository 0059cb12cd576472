package client_test

import (
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// What is asked for before there is a connection happens when there is one.
func TestAskedBeforeTheConnection(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		l.Refuse(nil)
		got := make(chan string)
		var all []<-chan error
		for _, do := range []func() error{
			func() error { return c.Subscribe(t.Context(), "s", 0, collect(got)) },
			func() error { return c.Unsubscribe(t.Context(), "u") },
			func() error { return c.Publish(t.Context(), client.Message{Topic: "0"}) },
			func() error { return c.Publish(t.Context(), client.Message{Topic: "1", QoS: 1}) },
			func() error { return c.Publish(t.Context(), client.Message{Topic: "2", QoS: 2}) },
			func() error { return c.Ping(t.Context()) },
		} {
			all = append(all, async(do))
			pending(t, all[len(all)-1])
		}
		async1 := inTurn(t, c, client.Message{Topic: "3", QoS: 1})[0]

		peer := accept(l, nil)
		subscribe, _ := peer.Next().(*packets.Subscribe)
		want(t, "filter", string(subscribe.Filters[0].Filter), "s")
		peer.Expect("UNSUBSCRIBE packet-id=2 filter=u")
		peer.Expect(`PUBLISH topic=0 payload=""`)
		peer.Expect(`PUBLISH qos=1 topic=1 packet-id=3 payload=""`)
		peer.Expect(`PUBLISH qos=2 topic=2 packet-id=4 payload=""`)
		peer.Expect(`PUBLISH qos=1 topic=3 packet-id=5 payload=""`)
		peer.Expect("PINGREQ")
		peer.Send(&packets.Suback{PacketID: 1, Reasons: []packets.ReasonCode{0}})
		unsuback := &packets.Unsuback{PacketID: 2}
		if l.Version == packets.V5 {
			unsuback.Reasons = []packets.ReasonCode{0}
		}
		peer.Send(unsuback, &packets.Puback{PacketID: 3}, &packets.Pubrec{PacketID: 4}, &packets.Puback{PacketID: 5})
		peer.Expect("PUBREL packet-id=4")
		peer.Send(&packets.Pubcomp{PacketID: 4}, &packets.Pingresp{})
		for i, done := range all {
			if err := <-done; err != nil {
				t.Errorf("request %d: %v", i, err)
			}
		}
		want(t, "PublishAsync", async1.Wait(t.Context()), nil)
		peer.Send(message(0, 0, "s", "hi"))
		want(t, "message", <-got, "s=hi")
	})
}

// What is being written when the connection ends may have arrived; QoS 0 does not come
// again, and neither does a PINGREQ.
func TestConnectionEndsInAWrite(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		pinged := async(func() error { return c.Ping(t.Context()) })
		peer.Expect("PINGREQ")
		quick := publish(c, 0, "0") // the peer does not read it
		synctest.Wait()
		tracked := publish(c, 1, "1")
		synctest.Wait()
		peer.Reset()
		wantError(t, <-pinged, client.ErrUnknown, client.ErrClosed)
		wantError(t, <-quick, client.ErrUnknown, client.ErrClosed)
		pending(t, tracked)
		peer = accept(l, present())
		p, _ := peer.Next().(*packets.Publish)
		want(t, "topic", string(p.Topic), "1")
		peer.Send(&packets.Puback{PacketID: p.PacketID})
		want(t, "publish", <-tracked, nil)
	})
}

// What the next server rules out is refused, though it has waited for it.
func TestNextServerRulesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		c := begin(t, l, kept)
		accept(l, nil).Close()
		synctest.Wait()
		large := make([]byte, 100)
		var all []<-chan error
		for _, m := range []client.Message{{Topic: "a", QoS: 2}, {Topic: "a", Retain: true}, {Topic: "a", QoS: 1, Payload: large}} {
			all = append(all, async(func() error { return c.Publish(t.Context(), m) }))
			pending(t, all[len(all)-1])
		}
		all = append(all, async(func() error { return c.Subscribe(t.Context(), "a/+", 0, nil) }))
		pending(t, all[len(all)-1])

		ack := new(packets.Connack)
		ack.Props.SetMaximumQoS(1)
		ack.Props.SetRetainAvailable(false)
		ack.Props.SetMaximumPacketSize(50)
		ack.Props.SetWildcardSubscriptionAvailable(false)
		peer := accept(l, ack)
		for i, reason := range []packets.ReasonCode{
			packets.QoSNotSupported, packets.RetainNotSupported, packets.PacketTooLarge, packets.WildcardSubscriptionsNotSupported,
		} {
			wantRefused(t, <-all[i], packets.TypeConnack, reason)
		}
		done := publish(c, 1, "small") // and no identifier is lost
		peer.Expect(`PUBLISH qos=1 topic=small packet-id=2 payload="hi"`)
		peer.Send(&packets.Puback{PacketID: 2})
		want(t, "publish", <-done, nil)
		want(t, "in flight", c.Stats().InFlight, 0)
	})
}

// What was sent, and is too large now, may have arrived. [MQTT-3.2.2-15]
func TestMaximumPacketSizeShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		c := begin(t, l, kept)
		peer := accept(l, nil)
		payload := make([]byte, 100)
		all := inTurn(t, c, client.Message{Topic: "a", QoS: 1, Payload: payload}, client.Message{Topic: "a", QoS: 2, Payload: payload})
		peer.Next()
		peer.Next()
		peer.Close()
		ack := present()
		ack.Props.SetMaximumPacketSize(50)
		peer = accept(l, ack)
		for _, d := range all {
			err := d.Wait(t.Context())
			wantError(t, err, client.ErrUnknown)
			wantRefused(t, err, packets.TypeConnack, packets.PacketTooLarge)
		}
		peer.Expect("PUBREL packet-id=2") // or the server would take the next message with 2 for this one
		done := publish(c, 1, "small")
		peer.Expect(`PUBLISH qos=1 topic=small packet-id=3 payload="hi"`)
		peer.Send(&packets.Puback{PacketID: 3}, &packets.Pubcomp{PacketID: 2})
		want(t, "publish", <-done, nil)
		want(t, "in flight", c.Stats().InFlight, 0)
	})
}
