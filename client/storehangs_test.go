package client_test

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
)

// A server that says the same again and again, while the Store hangs, does not fill the
// memory with what is to follow.
func TestStoreThatHangsHoldsTheTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		c, peer := connect(t, storing(m), nil)
		accepted(t, c, 2, "a")
		peer.Next()
		free := make(chan struct{})
		m.Before = func(*store.Batch) error { <-free; return nil }
		again := (&packets.Pubrec{PacketID: 1}).AppendTo(nil, packets.V5)
		held := async(func() error { peer.Write(bytes.Repeat(again, 1<<18)); return nil })
		pending(t, held)
		close(free)
		go peer.Ignore()
		<-held
	})
}
