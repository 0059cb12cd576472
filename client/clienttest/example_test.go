package clienttest_test

import (
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// reconnects is a test of a program that publishes while its server is away: the
// message arrives when the server is back.
func reconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V311)
		c, err := client.Start(t.Context(), "localhost", client.Config{ClientID: "x", KeepSession: true, Dialer: l.Dial})
		if err != nil {
			t.Fatal(err)
		}
		peer := l.Accept()
		peer.Accept(nil)
		peer.Reset()
		synctest.Wait() // until the client knows

		d, err := c.PublishAsync(t.Context(), client.Message{Topic: "a", Payload: []byte("hi"), QoS: packets.AtLeastOnce})
		if err != nil {
			t.Fatal(err)
		}
		l.Refuse(nil) // the server is not there yet
		peer = l.Accept()
		peer.Accept(&packets.Connack{SessionPresent: true})
		peer.Expect(`PUBLISH qos=1 topic=a packet-id=1 payload="hi"`)
		peer.Send(&packets.Puback{PacketID: 1})
		if err := d.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A Listener lets a test decide what becomes of each connection of a client.
func ExampleListener() {
	// reconnects is called by a test.
	_ = reconnects
}
