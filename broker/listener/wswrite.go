package listener

import (
	"encoding/binary"
	"errors"
	"math"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

const (
	// controlTimeout is how long the write of a control frame may take.
	controlTimeout = 2 * time.Second

	// joined is how long a header and its payload are to be written from one
	// buffer, in bytes. Copying longer ones costs more than it saves.
	joined = 4 << 10
)

var (
	errAfterClose = errors.New("WebSocket: written after a Close frame")
	errInFrame    = errors.New("WebSocket: a frame is not complete")

	buffers = sync.Pool{New: func() any { return new([joined]byte) }}
)

// Write sends b in one frame. What it does not count, by an error, the next Write
// goes on with, in the same frame.
func (c *webSocket) Write(b []byte) (n int, err error) {
	c.writing.Lock()
	for n < len(b) && err == nil {
		var k int
		k, err = c.writeFrame(b[n:])
		n += k
	}
	c.writing.Unlock()
	c.writeControl()
	return n, err
}

// writeFrame writes from b what the frame that was begun is owed, or a frame of
// its own.
func (c *webSocket) writeFrame(b []byte) (n int, err error) {
	if c.closed {
		return 0, errAfterClose
	}
	if c.owed == 0 {
		c.owed = len(b)
		if len(c.unsent) == 0 {
			c.unsent = c.header[:0]
		}
		c.unsent = appendHeader(c.unsent, len(b))
	}
	b = b[:min(len(b), c.owed)]
	sent, err := c.send(b)
	n = max(0, sent-len(c.unsent))
	c.unsent = c.unsent[min(sent, len(c.unsent)):]
	c.owed -= n
	return n, err
}

// send writes what is unsent and then b, and gives the bytes of both.
func (c *webSocket) send(b []byte) (int, error) {
	if len(c.unsent) == 0 {
		return c.Conn.Write(b)
	}
	if len(c.unsent)+len(b) > joined {
		n, err := (&net.Buffers{c.unsent, b}).WriteTo(c.Conn)
		return int(n), err
	}
	buffer := buffers.Get().(*[joined]byte)
	defer buffers.Put(buffer)
	return c.Conn.Write(append(append(buffer[:0], c.unsent...), b...))
}

// appendHeader appends that of a whole binary frame [MQTT-6.0.0-1]
// [MQTT3-6.0.0-1]. Servers do not mask.
func appendHeader(b []byte, length int) []byte {
	const first = 0x80 | byte(ws.OpBinary)
	switch {
	case length < 126:
		return append(b, first, byte(length))
	case length <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, first, 126), uint16(length))
	}
	return binary.BigEndian.AppendUint64(append(b, first, 127), uint64(length))
}

func closeFrame(status ws.StatusCode) ws.Frame {
	return ws.NewCloseFrame(ws.NewCloseFrameBody(status, ""))
}

// enqueue makes f the control frame to be written next, in place of one that is
// waiting, but never behind a Close frame.
func (c *webSocket) enqueue(f ws.Frame, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.last {
		c.control, c.last = ws.MustCompileFrame(f), last
	}
}

func (c *webSocket) dequeue() (frame []byte, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	frame, c.control = c.control, nil
	return frame, c.last
}

func (c *webSocket) waiting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.control != nil
}

// writeControl writes the control frame that waits. While somebody is writing,
// it leaves that to them: Write ends with writeControl.
func (c *webSocket) writeControl() {
	for c.waiting() && c.writing.TryLock() {
		err := c.sendControl()
		c.writing.Unlock()
		if err != nil {
			return // which the next Write meets as well
		}
	}
}

// sendControl is called by who holds writing.
func (c *webSocket) sendControl() error {
	if c.owed > 0 || len(c.unsent) > 0 {
		return errInFrame
	}
	frame, last := c.dequeue()
	if frame == nil {
		return nil
	}
	c.unsent, c.closed = frame, last
	c.lend(time.Now().Add(controlTimeout))
	defer c.giveBack()
	n, err := c.Conn.Write(c.unsent)
	c.unsent = c.unsent[n:]
	return err
}

func (c *webSocket) lend(deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Conn.SetWriteDeadline(deadline)
}

func (c *webSocket) giveBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Conn.SetWriteDeadline(c.deadline)
}

// CloseWrite sends a Close frame behind all that was written, unless there was
// one. The peer answers it with its own, and Read gives io.EOF.
func (c *webSocket) CloseWrite() error {
	c.enqueue(closeFrame(ws.StatusNormalClosure), true)
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.closed && len(c.unsent) == 0 {
		return nil
	}
	return c.sendControl()
}
