package listener

import (
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// webSocket is the payload of binary frames as a stream, of MQTT packets where it
// is written.
type webSocket struct {
	net.Conn // which carries the frames

	// reader
	in  unframer
	end *ending // what Read gives from now on

	writing sync.Mutex // held while a frame, or a part of one, is written
	unsent  []byte     // which comes first: of a header or a control frame
	packets cutter
	closed  bool                   // nothing may follow the Close frame
	header  [ws.MaxHeaderSize]byte // of unsent: 10 bytes of a frame that is not masked, 4 held of the packet

	mu       sync.Mutex
	control  []byte // a control frame that is to be written
	last     bool   // that, or one before, is Close
	deadline time.Time
}

// NetConn is the connection that carries the frames.
func (c *webSocket) NetConn() net.Conn { return c.Conn }

// Read reads what carries the payload into b, and takes the frames away in
// place. It answers pings and Close frames: a peer that does not read can keep
// it waiting for controlTimeout, once.
func (c *webSocket) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for c.end == nil {
		n, err := c.Conn.Read(b)
		if n, c.end = c.in.take(b[:n], c.pong); c.end != nil {
			c.enqueue(closeFrame(c.end.status), true)
			c.writeControl()
		}
		switch {
		case n > 0:
			return n, nil
		case c.end == nil && err != nil:
			return 0, err
		}
	}
	return 0, c.end.err
}

// pong answers a ping. If the answer to an earlier one is still waiting, this one
// does for both, RFC 6455 section 5.5.3.
func (c *webSocket) pong(payload []byte) {
	c.enqueue(ws.NewPongFrame(payload), false)
	c.writeControl()
}

// SetDeadline sets the deadlines for Read and Write.
func (c *webSocket) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetWriteDeadline sets the deadline for Write. It is remembered, as control
// frames have one of their own.
func (c *webSocket) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.Conn.SetWriteDeadline(t)
}
