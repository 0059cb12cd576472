package client_test

import (
	"testing"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// A server may answer in another order than it is asked: what was asked last counts.
func TestAnswersInAnotherOrder(t *testing.T) {
	c, peer := connect(t, client.Config{Version: packets.V311}, nil)
	got := make(chan string, 1)
	subscribe(t, c, peer, "a", nil)
	first := async(func() error { return c.Subscribe(t.Context(), "a", 1, nil) })
	peer.Next()
	second := async(func() error { return c.Subscribe(t.Context(), "a", 1, collect(got)) })
	peer.Next()
	granted := []packets.ReasonCode{packets.GrantedQoS1}
	peer.Send(&packets.Suback{PacketID: 3, Reasons: granted}, &packets.Suback{PacketID: 2, Reasons: granted}, message(0, 0, "a", "x"))
	want(t, "first", <-first, nil)
	want(t, "second", <-second, nil)
	want(t, "message", <-got, "a=x")
}
