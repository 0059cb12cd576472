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

// emptyConn is one that does not say that it is closed, for a long time.
type emptyConn struct {
	net.Conn
	closed atomic.Bool
	reads  atomic.Int32 // since then
}

const manyReads = 10_000

func (c *emptyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.closed.Load() && c.reads.Add(1) < manyReads {
		return 0, nil
	}
	return n, err
}

func (c *emptyConn) Close() error {
	c.closed.Store(true)
	return c.Conn.Close()
}

func TestTransportThatReadsNothing(t *testing.T) {
	near, peer := clienttest.Pipe(t, packets.V311)
	conn := &emptyConn{Conn: near}
	done := async(func() error {
		c, err := client.New(t.Context(), conn, client.Config{})
		if err != nil {
			return err
		}
		return c.Close()
	})
	peer.Accept(nil)
	peer.Expect("DISCONNECT")
	want(t, "close", <-done, nil)
	if n := conn.reads.Load(); n >= manyReads {
		t.Errorf("read %d times after Close", n)
	}
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
