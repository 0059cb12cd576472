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
