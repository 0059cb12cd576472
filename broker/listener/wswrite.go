package listener

import (
	"errors"
	"net"
	"time"

	"github.com/gobwas/ws"
)

// controlTimeout is how long the write of a control frame may take.
const controlTimeout = 2 * time.Second

var (
	errAfterClose = errors.New("WebSocket: written after a Close frame")
	errInFrame    = errors.New("WebSocket: a frame is not complete")
)

// Write sends each MQTT packet in a frame of its own. A packet may come in several
// Writes. What Write does not count, by an error, the next one goes on with.
func (c *webSocket) Write(b []byte) (int, error) {
	n, err := c.WriteBuffers(&net.Buffers{b})
	return int(n), err
}

// WriteBuffers writes v and takes what is written out of it, as WriteTo of
// [net.Buffers] does, without TLS in one call of the system.
func (c *webSocket) WriteBuffers(v *net.Buffers) (int64, error) {
	c.writing.Lock()
	n, err := c.writeFrames(v)
	c.writing.Unlock()
	c.writeControl()
	return int64(n), err
}

func (c *webSocket) writeFrames(v *net.Buffers) (n int, err error) {
	if c.closed {
		return 0, errAfterClose
	}
	g := gatherings.Get().(*gathering)
	defer g.done()
	g.buf = append(g.buf, c.unsent...)
	before := c.packets
	for _, b := range *v {
		if err := g.add(&c.packets, b); err != nil {
			c.packets = before
			return 0, err
		}
		n += len(b)
	}
	sent, err := g.write(c.Conn)
	if err != nil {
		c.packets = before
		return c.advance(v, sent), err
	}
	c.unsent, *v = nil, (*v)[len(*v):]
	return n, nil
}

// advance is for a write that has ended early: it takes out of v what is in the
// bytes that were sent, n bytes.
func (c *webSocket) advance(v *net.Buffers, sent int) (n int) {
	k := min(sent, len(c.unsent))
	c.unsent, sent = c.unsent[k:], sent-k
	for ; len(*v) > 0; *v = (*v)[1:] {
		b := &(*v)[0]
		for len(*b) > 0 {
			if sent == 0 {
				return n
			}
			before := len(*b)
			if c.packets.owed == 0 {
				c.unsent, *b, _ = c.packets.begin(c.header[:0], *b) // it has been accepted before
				k := min(sent, len(c.unsent))
				c.unsent, sent = c.unsent[k:], sent-k
			}
			k := min(sent, c.packets.owed, len(*b))
			c.packets.owed -= k
			*b, sent = (*b)[k:], sent-k
			n += before - len(*b)
		}
	}
	return n
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
	if c.packets.owed > 0 || len(c.unsent) > 0 {
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
