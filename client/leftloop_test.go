package client_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// A loop that is left while there is no connection is unsubscribed on the next one. What
// still comes for it is acknowledged, and waits for nobody.
func TestLoopLeftWithoutAConnection(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		left := make(chan struct{})
		looped := loop(t.Context(), c, func(*client.Message) bool { <-left; return false })
		granted(peer, packets.GrantedQoS2)
		peer.Send(message(0, 0, "a", "one"))
		peer.Close()
		hung := async(func() error { l.Hang(); return nil })
		synctest.Wait()
		close(left)
		want(t, "loop", <-looped, nil)
		<-hung

		peer = accept(l, present())
		unsubscribed(peer, 1)
		peer.Send(message(1, 1, "a", "two"))
		peer.Expect("PUBACK packet-id=1")
		synctest.Wait()
		want(t, "unread", c.Stats().Unread, 0)
	})
}

// What Receive does not give out, as it comes again, does not hold back the transport
// that it comes on.
func TestReceiveFreesTheTransport(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		fail := make(chan error)
		subscribe(t, c, peer, "first", func(*client.Message) error { return <-fail })
		subscribe(t, c, peer, "a", nil)
		peer.Send(message(1, 1, "first", ""), message(1, 2, "a", string(make([]byte, 1<<20))))
		go peer.Ignore()
		synctest.Wait()
		fail <- errors.New("of the handler")

		peer = accept(l, present())
		synctest.Wait()
		want(t, "holds back", c.Stats().Unread > 1<<20, true)
		done := async(func() error { receive(t, c, "again"); return nil })
		synctest.Wait()
		sent := async(func() error { peer.Send(message(0, 0, "a", "again")); return nil })
		synctest.Wait()
		want(t, "unread", c.Stats().Unread, 0)
		select {
		case <-sent:
			<-done
		default:
			t.Error("nothing is read any more")
		}
	})
}
