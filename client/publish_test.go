package client_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// window is a CONNACK with that Receive Maximum.
func window(n uint16) *packets.Connack {
	ack := new(packets.Connack)
	ack.Props.SetReceiveMaximum(n)
	return ack
}

func publish(c *client.Client, qos packets.QoS, topic string) <-chan error {
	return async(func() error {
		return c.Publish(context.Background(), client.Message{Topic: topic, Payload: []byte("hi"), QoS: qos})
	})
}

// Publish is over when the QoS says so, and not before.
func TestPublish(t *testing.T) {
	for _, v := range versions {
		synctest.Test(t, func(t *testing.T) {
			c, peer := connect(t, client.Config{Version: v}, nil)
			done := publish(c, 0, "a")
			peer.Expect(`PUBLISH topic=a payload="hi"`)
			want(t, "QoS 0", <-done, nil)

			done = publish(c, 1, "a")
			peer.Expect(`PUBLISH qos=1 topic=a packet-id=1 payload="hi"`)
			pending(t, done)
			peer.Send(&packets.Puback{PacketID: 1})
			want(t, "QoS 1", <-done, nil)

			done = publish(c, 2, "a")
			peer.Expect(`PUBLISH qos=2 topic=a packet-id=2 payload="hi"`)
			peer.Send(&packets.Pubrec{PacketID: 2})
			peer.Expect("PUBREL packet-id=2")
			pending(t, done)
			peer.Send(&packets.Pubcomp{PacketID: 2})
			want(t, "QoS 2", <-done, nil)
		})
	}
}

func TestPublishRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{Version: packets.V5}, nil)
		done := publish(c, 1, "a")
		peer.Next()
		answer := &packets.Puback{PacketID: 1, Reason: packets.QuotaExceeded}
		answer.Props.SetReasonString([]byte("disk full"))
		peer.Send(answer)
		err := <-done
		wantRefused(t, err, packets.TypePuback, packets.QuotaExceeded)
		want(t, "text", err.Error(), "PUBACK: Quota exceeded (0x97): disk full")

		done = publish(c, 2, "a")
		peer.Next()
		peer.Send(&packets.Pubrec{PacketID: 2, Reason: packets.NotAuthorized})
		wantRefused(t, <-done, packets.TypePubrec, packets.NotAuthorized)

		// PUBREC has accepted the message, and now the server does not know of it.
		done = publish(c, 2, "a")
		peer.Next()
		peer.Send(&packets.Pubrec{PacketID: 3})
		peer.Expect("PUBREL packet-id=3")
		peer.Send(&packets.Pubcomp{PacketID: 3, Reason: packets.PacketIdentifierNotFound})
		wantError(t, <-done, client.ErrUnknown)
	})
}

func TestPublishThatCannotBe(t *testing.T) {
	c, _ := connect(t, client.Config{}, nil)
	for _, m := range []client.Message{{}, {Topic: "a/+"}, {Topic: "a\x00"}, {Topic: "a", QoS: 3}} {
		wantError(t, c.Publish(t.Context(), m), client.ErrInvalid)
	}
}

// What the server has ruled out in CONNACK is not sent. [MQTT-3.2.2-11]
// [MQTT-3.2.2-14] [MQTT-3.2.2-15]
func TestPublishRuledOut(t *testing.T) {
	ack := new(packets.Connack)
	ack.Props.SetMaximumQoS(1)
	ack.Props.SetRetainAvailable(false)
	ack.Props.SetMaximumPacketSize(10)
	c, _ := connect(t, client.Config{Version: packets.V5}, ack)
	for _, test := range []struct {
		m    client.Message
		want packets.ReasonCode
	}{
		{client.Message{Topic: "a", QoS: 2}, packets.QoSNotSupported},
		{client.Message{Topic: "a", Retain: true}, packets.RetainNotSupported},
		{client.Message{Topic: "a", Payload: make([]byte, 5)}, packets.PacketTooLarge}, // 11 bytes
	} {
		wantRefused(t, c.Publish(t.Context(), test.m), packets.TypeConnack, test.want)
	}
}

// The server's Receive Maximum holds back PUBLISHes of QoS 1 and 2, and nothing
// else.
func TestV5_3_3_4_7(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{Version: packets.V5}, window(1))
		first := publish(c, 2, "first")
		peer.Expect(`PUBLISH qos=2 topic=first packet-id=1 payload="hi"`)
		second := publish(c, 1, "second")
		pending(t, second)

		subscribed := async(func() error { return c.Subscribe(t.Context(), "s", 0, nil) })
		peer.Expect("SUBSCRIBE packet-id=2 subscription-identifier=1 filter=s")
		peer.Send(&packets.Suback{PacketID: 2, Reasons: []packets.ReasonCode{0}})
		want(t, "SUBSCRIBE beside a full window", <-subscribed, nil)
		quick := publish(c, 0, "quick")
		peer.Expect(`PUBLISH topic=quick payload="hi"`)
		want(t, "QoS 0 beside a full window", <-quick, nil)

		peer.Send(&packets.Pubrec{PacketID: 1})
		peer.Expect("PUBREL packet-id=1")
		pending(t, second) // the quota comes back with PUBCOMP
		peer.Send(&packets.Pubcomp{PacketID: 1})
		want(t, "first", <-first, nil)
		peer.Expect(`PUBLISH qos=1 topic=second packet-id=3 payload="hi"`)
		peer.Send(&packets.Puback{PacketID: 3})
		want(t, "second", <-second, nil)
	})
}

// A caller that no longer waits is told whether the message has left. If it has,
// its identifier and quota stay in use.
func TestPublishAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{Version: packets.V5}, window(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		sent := async(func() error { return c.Publish(ctx, client.Message{Topic: "sent", QoS: 1}) })
		peer.Next()
		waiting := async(func() error { return c.Publish(ctx, client.Message{Topic: "waiting", QoS: 1}) })
		wantError(t, <-sent, client.ErrUnknown, context.DeadlineExceeded)
		wantError(t, <-waiting, client.ErrNotSent, context.DeadlineExceeded)
		wantError(t, c.Publish(ctx, client.Message{Topic: "late"}), client.ErrNotSent, context.DeadlineExceeded)

		next := publish(c, 1, "next")
		pending(t, next)
		peer.Send(&packets.Puback{PacketID: 1})
		peer.Expect(`PUBLISH qos=1 topic=next packet-id=2 payload="hi"`)
		peer.Send(&packets.Puback{PacketID: 2})
		want(t, "next", <-next, nil)
	})
}

func TestPublishWhenTheServerGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{Version: packets.V5}, window(1))
		sent := publish(c, 1, "sent")
		peer.Next()
		waiting := publish(c, 1, "waiting")
		subscribe := async(func() error { return c.Subscribe(t.Context(), "s", 0, nil) })
		peer.Expect("SUBSCRIBE packet-id=2 subscription-identifier=1 filter=s")
		synctest.Wait()
		peer.Close()
		wantError(t, <-sent, client.ErrUnknown, client.ErrClosed, io.EOF)
		wantError(t, <-waiting, client.ErrNotSent, client.ErrClosed, io.EOF)
		wantError(t, <-subscribe, client.ErrUnknown, client.ErrClosed, io.EOF)
	})
}

// Requests that come while one is being written leave together.
func TestManyRequestsInOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &countingConn{}
		c, peer := connectOver(t, conn)
		const n = 100
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				want(t, "publish", c.Publish(t.Context(), client.Message{Topic: fmt.Sprint(i), QoS: 1}), nil)
			})
		}
		synctest.Wait() // one write blocks the writer, and the others queue behind it
		before := conn.writes.Load()
		for i := range n {
			peer.Next()
			peer.Send(&packets.Puback{PacketID: uint16(i + 1)})
		}
		all.Wait()
		if writes := conn.writes.Load() - before; writes > 1 {
			t.Errorf("%d writes for the %d requests behind the first", writes, n-1)
		}
	})
}

// All goroutines at once, against a server that answers everything.
func TestPublishFromMany(t *testing.T) {
	c, peer := connect(t, client.Config{Version: packets.V5}, window(3))
	var all sync.WaitGroup
	const publishers, messages = 8, 60
	for i := range publishers {
		all.Go(func() {
			for j := range messages {
				m := client.Message{Topic: "t", QoS: packets.QoS((i + j) % 3)}
				if err := c.Publish(t.Context(), m); err != nil {
					t.Errorf("publish: %v", err)
				}
			}
		})
	}
	open := make(map[uint16]bool)
	for n := 0; n < publishers*messages; {
		switch p := peer.Next().(type) {
		case *packets.Publish:
			n++
			if p.QoS == 0 {
				continue
			}
			if open[p.PacketID] || len(open) == 3 {
				t.Fatalf("packet identifier %d among %v", p.PacketID, open)
			}
			if p.QoS == 1 {
				peer.Send(&packets.Puback{PacketID: p.PacketID})
				continue
			}
			open[p.PacketID] = true
			n-- // until PUBREL
			peer.Send(&packets.Pubrec{PacketID: p.PacketID})
		case *packets.Pubrel:
			n++
			delete(open, p.PacketID)
			peer.Send(&packets.Pubcomp{PacketID: p.PacketID})
		}
	}
	all.Wait()
}
