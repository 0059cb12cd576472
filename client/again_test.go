package client_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// What a handler refuses to take comes again, and what is behind it comes behind it.
func TestHandlerFailsInOrder(t *testing.T) {
	for _, v := range versions {
		for qos := packets.AtLeastOnce; qos <= packets.ExactlyOnce; qos++ {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				c, peers := returning(t, client.Config{Version: v, Handler: func(m *client.Message) error {
					got = append(got, string(m.Payload))
					if len(got) == 2 {
						return errors.New("not now")
					}
					return nil
				}})
				defer c.Close()
				send := func(peer *clienttest.Peer, dup bool, ids ...uint16) {
					var all []packets.Packet
					for _, id := range ids {
						all = append(all, &packets.Publish{QoS: qos, Dup: dup, Topic: []byte("a"), PacketID: id, Payload: []byte{'0' + byte(id)}})
					}
					peer.Send(all...)
				}
				peer := <-peers
				peer.Accept(nil)
				send(peer, false, 1, 2, 3, 4)
				go peer.Ignore()
				peer = <-peers
				synctest.Wait()
				want(t, "handled", slices.Equal(got, []string{"1", "2"}), true)

				peer.Accept(&packets.Connack{SessionPresent: true})
				send(peer, true, 2, 3, 4)
				for _, id := range []string{"2", "3", "4"} {
					peer.Expect([]string{"", "PUBACK", "PUBREC"}[qos] + " packet-id=" + id)
				}
				want(t, "handled", slices.Equal(got, []string{"1", "2", "2", "3", "4"}), true)
				go peer.Ignore()
			})
		}
	}
}

// A handler that fails when its connection has ended may have kept the next one from
// delivering the message.
func TestHandlerFailsLate(t *testing.T) {
	for qos := packets.AtLeastOnce; qos <= packets.ExactlyOnce; qos++ {
		synctest.Test(t, func(t *testing.T) {
			var got []string
			fail := make(chan error)
			c, peers := returning(t, client.Config{Version: packets.V311, Handler: func(m *client.Message) error {
				got = append(got, string(m.Payload))
				if len(got) == 1 {
					return <-fail
				}
				return nil
			}})
			defer c.Close()
			send := func(dup bool) *clienttest.Peer {
				peer := <-peers
				peer.Accept(&packets.Connack{SessionPresent: dup})
				for id := uint16(1); id <= 2; id++ {
					peer.Send(&packets.Publish{QoS: qos, Dup: dup, Topic: []byte("a"), PacketID: id, Payload: []byte{'0' + byte(id)}})
				}
				return peer
			}
			send(false).Close()
			peer := send(true)
			synctest.Wait()
			want(t, "handled", slices.Equal(got, []string{"1"}), true)
			fail <- errors.New("not now")
			if qos == packets.ExactlyOnce {
				peer.ExpectEnd()
				peer = send(true)
			}
			for _, id := range []string{"1", "2"} {
				peer.Expect([]string{"", "PUBACK", "PUBREC"}[qos] + " packet-id=" + id)
			}
			want(t, "handled", slices.Equal(got, []string{"1", "1", "2"}), true)
			go peer.Ignore()
		})
	}
}
