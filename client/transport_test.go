package client_test

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// countingConn counts what is written to it.
type countingConn struct {
	net.Conn
	writes atomic.Int32
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// connectOver is connect with conn on the way.
func connectOver(t *testing.T, conn *countingConn) (*client.Client, *clienttest.Peer) {
	t.Helper()
	near, peer := clienttest.Pipe(t, packets.V311)
	conn.Conn = near
	var c *client.Client
	done := async(func() (err error) {
		c, err = client.New(t.Context(), conn, client.Config{})
		return err
	})
	peer.Accept(nil)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return c, peer
}
