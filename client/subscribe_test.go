package client_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// granted answers a SUBSCRIBE with these codes.
func granted(peer *clienttest.Peer, codes ...packets.ReasonCode) {
	p, _ := peer.Next().(*packets.Subscribe)
	peer.Send(&packets.Suback{PacketID: p.PacketID, Reasons: codes})
}

// subscribe makes a subscription that is granted.
func subscribe(t *testing.T, c *client.Client, peer *clienttest.Peer, filter string, handler client.Handler) {
	t.Helper()
	done := async(func() error { return c.Subscribe(t.Context(), filter, packets.ExactlyOnce, handler) })
	granted(peer, packets.GrantedQoS2)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func message(qos packets.QoS, id uint16, topic, payload string) *packets.Publish {
	return &packets.Publish{QoS: qos, PacketID: id, Topic: []byte(topic), Payload: []byte(payload)}
}

// calls is a handler that always succeeds.
func calls(f func()) client.Handler {
	return func(*client.Message) error {
		f()
		return nil
	}
}

// collect is a handler that says what it gets.
func collect(got chan<- string) client.Handler {
	return func(m *client.Message) error {
		payload, err := io.ReadAll(m.Reader())
		got <- m.Topic + "=" + string(payload)
		return err
	}
}

func TestSubscribe(t *testing.T) {
	for _, v := range versions {
		synctest.Test(t, func(t *testing.T) {
			c, peer := connect(t, client.Config{Version: v}, nil)
			got := make(chan string)
			done := async(func() error { return c.Subscribe(t.Context(), "a/+", 1, collect(got)) })
			id := ""
			if v == packets.V5 {
				id = "subscription-identifier=1 "
			}
			peer.Expect("SUBSCRIBE packet-id=1 " + id + "filter=a/+ qos=1")
			peer.Send(message(0, 0, "a/b", "before SUBACK"))
			want(t, "message before SUBACK", <-got, "a/b=before SUBACK")
			peer.Send(&packets.Suback{PacketID: 1, Reasons: []packets.ReasonCode{1}})
			want(t, "subscribe", <-done, nil)
			peer.Send(message(1, 7, "a/c", "hi"))
			pending(t, make(chan error)) // not before the handler has returned
			want(t, "message", <-got, "a/c=hi")
			peer.Expect("PUBACK packet-id=7")

			done = async(func() error { return c.Unsubscribe(t.Context(), "a/+") })
			peer.Expect("UNSUBSCRIBE packet-id=2 filter=a/+")
			peer.Send(message(0, 0, "a/b", "before UNSUBACK"))
			want(t, "message before UNSUBACK", <-got, "a/b=before UNSUBACK")
			answer := &packets.Unsuback{PacketID: 2}
			if v == packets.V5 {
				answer.Reasons = []packets.ReasonCode{packets.Success}
			}
			peer.Send(answer)
			want(t, "unsubscribe", <-done, nil)
			peer.Send(message(1, 8, "a/b", "too late"))
			peer.Expect("PUBACK packet-id=8") // [MQTT-4.5.0-2]
		})
	}
}

// Each filter that is refused is named, the others count.
func TestSubscribeAllRefusedInPart(t *testing.T) {
	c, peer := connect(t, client.Config{Version: packets.V5}, nil)
	got := make(chan string)
	var codes []packets.ReasonCode
	done := async(func() (err error) {
		codes, err = c.SubscribeAll(t.Context(), collect(got),
			client.Subscription{Filter: "yes", QoS: 2}, client.Subscription{Filter: "no", NoLocal: true})
		return err
	})
	peer.Expect("SUBSCRIBE packet-id=1 subscription-identifier=1 filter=yes qos=2 filter=no no-local")
	peer.Send(&packets.Suback{PacketID: 1, Reasons: []packets.ReasonCode{1, packets.NotAuthorized}})
	err := <-done
	wantRefused(t, err, packets.TypeSuback, packets.NotAuthorized)
	want(t, "text", err.Error(), "SUBACK for no: Not authorized (0x87)")
	want(t, "codes", len(codes), 2)
	want(t, "QoS granted", codes[0], packets.GrantedQoS1)
	peer.Send(message(0, 0, "no", "to nobody"), message(0, 0, "yes", "hi"))
	want(t, "message", <-got, "yes=hi")
}

func TestSubscribeThatCannotBe(t *testing.T) {
	c, _ := connect(t, client.Config{Version: packets.V5}, nil)
	for _, s := range []client.Subscription{{}, {Filter: "a/#/b"}, {Filter: "a", QoS: 3}, {Filter: "$share/g/a", NoLocal: true}} {
		_, err := c.SubscribeAll(t.Context(), nil, s)
		wantError(t, err, client.ErrInvalid)
	}
	_, err := c.SubscribeAll(t.Context(), nil)
	wantError(t, err, client.ErrInvalid)
	wantError(t, c.Unsubscribe(t.Context()), client.ErrInvalid)
}

// A subscription that is replaced in vain is the one it was.
func TestSubscribeRefusedKeepsTheFormer(t *testing.T) {
	c, peer := connect(t, client.Config{}, nil)
	got := make(chan string)
	subscribe(t, c, peer, "a", collect(got))
	done := async(func() error { return c.Subscribe(t.Context(), "a", 0, calls(func() { t.Error("refused") })) })
	granted(peer, packets.UnspecifiedError)
	wantRefused(t, <-done, packets.TypeSuback, packets.UnspecifiedError)
	peer.Send(message(0, 0, "a", "hi"))
	want(t, "message", <-got, "a=hi")
}

// One request may name a filter twice: the last one granted counts, and without
// any the former one.
func TestSubscribeAllOfOneFilter(t *testing.T) {
	for _, test := range []struct {
		codes []packets.ReasonCode
		want  string
	}{
		{[]packets.ReasonCode{0, packets.NotAuthorized}, "second a=hi"},
		{[]packets.ReasonCode{packets.NotAuthorized, 0}, "second a=hi"},
		{[]packets.ReasonCode{packets.NotAuthorized, packets.NotAuthorized}, "first a=hi"},
	} {
		c, peer := connect(t, client.Config{Version: packets.V5}, nil)
		got := make(chan string, 2)
		handler := func(name string) client.Handler {
			return func(m *client.Message) error {
				got <- name + " " + m.Topic + "=" + string(m.Payload)
				return nil
			}
		}
		subscribe(t, c, peer, "a", handler("first"))
		done := async(func() error {
			_, err := c.SubscribeAll(t.Context(), handler("second"), client.Subscription{Filter: "a"}, client.Subscription{Filter: "a"})
			return err
		})
		granted(peer, test.codes...)
		wantRefused(t, <-done, packets.TypeSuback, packets.NotAuthorized)
		peer.Send(message(1, 1, "a", "hi"))
		peer.Expect("PUBACK packet-id=1")
		close(got)
		want(t, "handled by", <-got, test.want)
	}
}

// Every subscription that matches gets a message, and it is acknowledged when the
// last one is done.
func TestOverlappingSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{}, nil)
		exact, wild := make(chan string), make(chan string)
		subscribe(t, c, peer, "a/b", collect(exact))
		subscribe(t, c, peer, "a/#", collect(wild))
		subscribe(t, c, peer, "$share/g/+/b", nil)
		peer.Send(message(1, 1, "a/b", "hi"))
		want(t, "exact", <-exact, "a/b=hi")
		m, err := c.Receive(t.Context())
		if err != nil || m.Topic != "a/b" {
			t.Fatalf("receive: %v, %v", m, err)
		}
		acked := async(func() error { peer.Expect("PUBACK packet-id=1"); return nil })
		pending(t, acked)
		want(t, "wild", <-wild, "a/b=hi")
		<-acked
	})
}

// QoS 2 again before PUBREL is the same message, and behind it another one.
func TestV5_4_3_3_10(t *testing.T) {
	c, peer := connect(t, client.Config{Version: packets.V5}, nil)
	got := make(chan string, 9)
	subscribe(t, c, peer, "a", collect(got))
	peer.Send(message(2, 5, "a", "one"))
	peer.Expect("PUBREC packet-id=5")
	again := message(2, 5, "a", "one")
	again.Dup = true
	peer.Send(again)
	peer.Expect("PUBREC packet-id=5")
	peer.Send(&packets.Pubrel{PacketID: 5})
	peer.Expect("PUBCOMP packet-id=5")
	peer.Send(&packets.Pubrel{PacketID: 5})
	peer.Expect("PUBCOMP packet-id=5 reason=0x92")
	peer.Send(message(2, 5, "a", "two"))
	peer.Expect("PUBREC packet-id=5")
	want(t, "deliveries", len(got), 2)
}

// Acknowledgements go out in the order of arrival, whoever is done first.
func TestV5_4_6_0_2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{Version: packets.V5}, nil)
		slow, fast := make(chan string), make(chan string)
		subscribe(t, c, peer, "slow", collect(slow))
		subscribe(t, c, peer, "fast", collect(fast))
		peer.Send(message(1, 1, "slow", ""), message(1, 2, "fast", ""))
		<-fast
		acked := async(func() error {
			peer.Expect("PUBACK packet-id=1")
			peer.Expect("PUBACK packet-id=2")
			return nil
		})
		pending(t, acked)
		<-slow
		<-acked
	})
}

// A handler may do all that a client can, and wait for it.
func TestHandlerMayDoAnything(t *testing.T) {
	c, peer := connect(t, client.Config{KeepAlive: -1}, nil)
	over := make(chan error, 1)
	subscribe(t, c, peer, "a", calls(func() {
		ctx := context.Background()
		over <- errors.Join(
			c.Publish(ctx, client.Message{Topic: "p", QoS: 2}),
			c.Subscribe(ctx, "b", 0, nil),
			c.Unsubscribe(ctx, "a"),
			c.Ping(ctx),
			c.Disconnect(ctx),
		)
	}))
	peer.Send(message(1, 1, "a", "go"))
	peer.Expect(`PUBLISH qos=2 topic=p packet-id=2 payload=""`)
	peer.Send(&packets.Pubrec{PacketID: 2})
	peer.Expect("PUBREL packet-id=2")
	peer.Send(&packets.Pubcomp{PacketID: 2})
	granted(peer, packets.GrantedQoS0)
	peer.Expect("UNSUBSCRIBE packet-id=4 filter=a")
	peer.Send(&packets.Unsuback{PacketID: 4})
	peer.Expect("PINGREQ")
	peer.Send(new(packets.Pingresp))
	peer.Expect("DISCONNECT")
	peer.ExpectEnd()
	want(t, "handler", <-over, nil)
}

// A server may write all it has before it reads: two handlers publish meanwhile,
// and neither can wait for itself or the other.
func TestHandlersPublishWhileTheServerWrites(t *testing.T) {
	for _, m := range []client.Message{{Topic: "p"}, {Topic: "p", QoS: 1}, {Topic: "p", Payload: make([]byte, 2<<20)}} {
		synctest.Test(t, func(t *testing.T) {
			c, peer := connect(t, client.Config{}, nil)
			const handlers = 2
			published := make(chan error, handlers)
			for _, filter := range []string{"a", "+"}[:handlers] {
				var once sync.Once
				subscribe(t, c, peer, filter, calls(func() {
					once.Do(func() { published <- c.Publish(context.Background(), m) })
				}))
			}
			big := message(0, 0, "a", string(make([]byte, 300<<10)))
			for range 10 {
				peer.Send(big)
			}
			for range handlers {
				if p, _ := peer.Next().(*packets.Publish); p.QoS == packets.AtLeastOnce {
					peer.Send(&packets.Puback{PacketID: p.PacketID})
				}
				want(t, "publish", <-published, nil)
			}
			want(t, "dropped", c.Stats().Missed, uint64(0))
		})
	}
}

// What a handler has not handled is not acknowledged.
func TestHandlerPanics(t *testing.T) {
	c, peer := connect(t, client.Config{Version: packets.V5}, nil)
	subscribe(t, c, peer, "a", func(*client.Message) error { panic("ouch") })
	peer.Send(message(1, 1, "a", ""))
	peer.Expect("DISCONNECT reason=0x80")
	peer.ExpectEnd()
	<-c.Done()
	wantError(t, c.Err(), client.ErrClosed)
	if err := c.Err(); !strings.Contains(err.Error(), "handler") {
		t.Errorf("%v: does not say that it was a handler", err)
	}
}
