package client_test

import (
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// offeredConn notes how much the last Read has room for.
type offeredConn struct {
	net.Conn
	room atomic.Int64
}

func (c *offeredConn) Read(b []byte) (int, error) {
	c.room.Store(int64(len(b)))
	return c.Conn.Read(b)
}

// A client that waits holds a small buffer, and one to which much comes a large one.
func TestReadsAsMuchAsComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, peer := clienttest.Pipe(t, packets.V311)
		conn := &offeredConn{Conn: near}
		go peer.Accept(nil)
		c, err := client.New(t.Context(), conn, client.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go peer.Ignore()
		small, large := message(0, 0, "a", "").AppendTo(nil, packets.V311), message(0, 0, "a", string(make([]byte, 3000))).AppendTo(nil, packets.V311)
		for _, test := range []struct {
			bytes []byte
			want  int64
		}{{small, 2 << 10}, {large, 32 << 10}, {large, 32 << 10}, {small, 2 << 10}} {
			peer.Write(append(test.bytes, test.bytes...))
			synctest.Wait()
			want(t, "room", conn.room.Load(), test.want)
		}
	})
}
