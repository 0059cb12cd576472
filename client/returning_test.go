package client_test

import (
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
)

// returning is reconnecting with a session that is kept.
func returning(t *testing.T, cfg client.Config) (*client.Client, <-chan *clienttest.Peer) {
	t.Helper()
	cfg.ClientID, cfg.KeepSession = "x", true
	return reconnecting(t, cfg)
}

// The server may have completed an exchange when its PUBCOMP is lost. That is no error
// during recovery, section 3.7.2.1.
func TestPubcompLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peers := returning(t, client.Config{Version: packets.V5})
		defer c.Close()
		peer := <-peers
		peer.Accept(nil)
		done := publish(c, 2, "a")
		peer.Expect(`PUBLISH qos=2 topic=a packet-id=1 payload="hi"`)
		peer.Send(&packets.Pubrec{PacketID: 1})
		peer.Expect("PUBREL packet-id=1")
		peer.Close()

		peer = <-peers
		peer.Accept(&packets.Connack{SessionPresent: true})
		peer.Expect("PUBREL packet-id=1")
		pending(t, done)
		peer.Send(&packets.Pubcomp{PacketID: 1, Reason: packets.PacketIdentifierNotFound})
		want(t, "outcome", <-done, nil)
		go peer.Ignore()
	})
}

// A client with a new Store connects before there is anything to publish.
func TestStoreIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peers := returning(t, client.Config{Version: packets.V311, Store: store.NewMemory()})
		peer := <-peers
		peer.Accept(nil)
		want(t, "up", c.AwaitUp(t.Context()), nil)
		go peer.Ignore()
		c.Close()
	})
}

// With a Store a message at QoS 2 is handled when the one before it is stored as handled,
// so that no more than one of them comes again when the process is killed.
func TestHandledIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, commits := store.NewMemory(), make(chan bool)
		kept.Before = func(*store.Batch) error { <-commits; return nil }
		handled := 0
		c, peers := returning(t, client.Config{Version: packets.V311, Store: kept, Handler: func(*client.Message) error {
			handled++
			return nil
		}})
		peer := <-peers
		peer.Accept(nil)
		commits <- true
		peer.Send(message(2, 1, "a", ""), message(2, 2, "a", ""))
		synctest.Wait()
		want(t, "handled", handled, 1)
		commits <- true
		peer.Expect("PUBREC packet-id=1")
		synctest.Wait()
		want(t, "handled", handled, 2)
		close(commits)
		peer.Expect("PUBREC packet-id=2")
		go peer.Ignore()
		c.Close()
	})
}
