package client_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// A client that has no session, and is told that there is one, leaves.
func TestV5_3_2_2_4(t *testing.T) {
	for _, test := range []struct {
		version   packets.Version
		statement string
	}{{packets.V311, "MQTT-3.2.2-1"}, {packets.V5, "MQTT-3.2.2-2"}} {
		cfg := client.Config{Version: test.version, ClientID: "x"}
		conn, peer := clienttest.Pipe(t, test.version)
		done := async(func() error { _, err := client.New(t.Context(), conn, cfg); return err })
		peer.Accept(&packets.Connack{SessionPresent: true})
		wantBroken(t, <-done, test.statement)
		peer.ExpectEnd()

		cfg.KeepSession = true // it has one, says the caller
		c, _ := connect(t, cfg, &packets.Connack{SessionPresent: true})
		want(t, "session present", c.SessionPresent(), true)
	}
}

// A server that has no session is sent nothing of an earlier one.
func TestV5_3_2_2_5(t *testing.T) {
	cfg := client.Config{Version: packets.V5, ClientID: "x", KeepSession: true}
	c, peer := connect(t, cfg, nil)
	lost := publish(c, 1, "lost")
	peer.Expect(`PUBLISH qos=1 topic=lost packet-id=1 payload="hi"`)
	peer.Close()
	wantError(t, <-lost, client.ErrUnknown, client.ErrClosed)

	c, peer = connect(t, cfg, nil)
	want(t, "session present", c.SessionPresent(), false)
	done := publish(c, 1, "new")
	peer.Expect(`PUBLISH qos=1 topic=new packet-id=1 payload="hi"`)
	peer.Send(&packets.Puback{PacketID: 1})
	want(t, "new", <-done, nil)
}

// reconnecting is a client that has a peer for each of its connections.
func reconnecting(t *testing.T, cfg client.Config) (*client.Client, <-chan *clienttest.Peer) {
	t.Helper()
	peers := make(chan *clienttest.Peer, 10)
	cfg.Dialer = func(context.Context, string, string) (net.Conn, error) {
		near, peer := clienttest.Pipe(t, cfg.Version)
		peers <- peer
		return near, nil
	}
	c, err := client.Start(t.Context(), "server", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c, peers
}

// A server that has lost the session is asked once for each subscription, and then for
// what was asked of it last.
func TestSubscriptionsComeBackOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peers := reconnecting(t, client.Config{Version: packets.V311})
		defer c.Close()
		peer := <-peers
		peer.Accept(nil)
		subscribe(t, c, peer, "a", nil)
		unsubscribed := async(func() error { return c.Unsubscribe(t.Context(), "a") })
		peer.Expect("UNSUBSCRIBE packet-id=2 filter=a")
		peer.Close()

		peer = <-peers
		peer.Accept(nil)
		peer.Expect("SUBSCRIBE packet-id=3 filter=a qos=2")
		peer.Expect("UNSUBSCRIBE packet-id=4 filter=a")
		peer.Send(&packets.Suback{PacketID: 3, Reasons: []packets.ReasonCode{packets.GrantedQoS2}}, &packets.Unsuback{PacketID: 4})
		want(t, "unsubscribe", <-unsubscribed, nil)
		go peer.Ignore()
	})
}

// What was sent on an earlier connection may have arrived, though the server has lost
// the session and it waits to be sent once more.
func TestSentBeforeTheSessionWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peers := reconnecting(t, client.Config{Version: packets.V5})
		defer c.Close()
		peer := <-peers
		peer.Accept(window(2))
		d, err := c.PublishAsync(t.Context(), client.Message{Topic: "a", QoS: 1})
		if err != nil {
			t.Fatal(err)
		}
		peer.Next()
		ctx, cancel := context.WithCancel(t.Context())
		published := async(func() error { return c.Publish(ctx, client.Message{Topic: "b", QoS: 1}) })
		peer.Next()
		peer.Close()

		peer = <-peers
		peer.Accept(window(1))
		peer.Expect(`PUBLISH qos=1 topic=a packet-id=3 payload=""`)
		synctest.Wait() // the other has no quota
		cancel()
		wantError(t, <-published, client.ErrUnknown, context.Canceled)
		peer.Send(&packets.Puback{PacketID: 3})
		peer.Expect(`PUBLISH qos=1 topic=b packet-id=4 payload=""`) // and goes on on its own
		peer.Send(&packets.Puback{PacketID: 4})
		want(t, "delivery", d.Wait(t.Context()), nil)
		go peer.Ignore()
	})
}
