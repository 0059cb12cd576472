package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/fletchmq/fletch/packets"
)

const (
	// writeSize is the most of one Write in bytes. A transport that takes less
	// than this within the keep alive is taken for dead.
	writeSize = 64 << 10

	// room is how many bytes wait to be written before PUBLISHes wait instead.
	room = 64 << 10

	// maxOwed is how many answers wait to be written before nothing is read that
	// would add to them: more than there are packet identifiers for, so that it
	// holds back no server that keeps to them.
	maxOwed = 1 << 17

	// lingerTime is how long the transport may take to write the DISCONNECT, and
	// the server to close after it.
	lingerTime = time.Second
)

// meter notes when the server gives something.
type meter struct{ c *Client }

func (m meter) Read(b []byte) (int, error) {
	n, err := m.c.rw.Read(b)
	m.c.lastIn.Store(int64(time.Since(m.c.start)))
	return n, err
}

// nudge wakes who waits for ch, if not now then when it begins to wait.
func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// read is the goroutine that reads. It outlives the writer, and cleans up.
func (c *Client) read() {
	err := c.readPackets()
	var broken *packets.BrokenError
	switch {
	case errors.As(err, &broken):
		c.cfg.Logger.Error("the server broke the standard", "err", err)
		c.leave(broken.Reason, err)
	case err == errFull:
		c.leave(packets.QuotaExceeded, err)
	case err != nil && !c.leaving():
		c.abort(err)
	}
	// What else the server sends is read, or closing a socket would take back the
	// DISCONNECT that is on its way. Unlike io.Copy, bufio gives up on a transport
	// that reads nothing and says nothing.
	bufio.NewReader(c.rw).Discard(math.MaxInt)
	c.hangUp()
	<-c.writerDone
	c.settle()
}

// readPackets handles packets until one is wrong or the client leaves, which is
// no error.
func (c *Client) readPackets() error {
	for c.mayRead() {
		first, body, err := c.frames.Next()
		if err != nil {
			return err
		}
		if packets.Type(first>>4) == packets.TypePublish {
			body = bytes.Clone(body) // the message is made of views
		}
		p, err := c.dec.Decode(first, body, c.cfg.Version)
		if err != nil {
			return err
		}
		if err := c.handle(p, len(body)); err != nil {
			return err
		}
		nudge(c.wake)
	}
	return nil
}

func (c *Client) leaving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// mayRead waits while so much is unread or unanswered that the server has to
// wait. It is false when the client leaves.
func (c *Client) mayRead() bool {
	for {
		c.mu.Lock()
		full := c.owed >= maxOwed || c.queued >= pauseAt && c.waiting.Load() == 0
		if c.paused && !full {
			c.lastIn.Store(int64(time.Since(c.start)))
		}
		c.paused = full && !c.closing
		paused, closing := c.paused, c.closing
		c.mu.Unlock()
		if !paused {
			return !closing
		}
		<-c.gate
	}
}

// write is the goroutine that writes.
func (c *Client) write() {
	defer close(c.writerDone)
	var spare []byte
	for {
		c.mu.Lock()
		batch, written, last := c.buf, c.written, c.closing
		c.buf, c.written, c.owed = spare, nil, 0
		if len(batch) > 0 {
			c.writing, c.lastOut = true, time.Now()
		}
		c.pump()
		c.mu.Unlock()
		nudge(c.gate)
		if err := c.writeAll(batch); err != nil {
			c.abort(err)
			c.finish(written, failed(ErrUnknown, c.reason()))
			return
		}
		c.finish(written, nil)
		if last {
			c.finishWriting()
			return
		}
		if len(batch) == 0 {
			select {
			case <-c.wake:
			case <-c.stop:
				return
			}
		}
		if spare = batch[:0]; cap(spare) > 4*room {
			spare = nil // after a large message
		}
	}
}

// writeAll writes in parts, so that look sees a large packet make its way.
func (c *Client) writeAll(b []byte) error {
	for len(b) > 0 {
		n, err := c.rw.Write(b[:min(len(b), writeSize)])
		if err != nil {
			return err
		}
		b = b[n:]
		c.mu.Lock()
		c.lastOut = time.Now()
		c.writing = len(b) > 0
		c.mu.Unlock()
	}
	return nil
}

// finishWriting closes the transport behind the DISCONNECT [MQTT-3.14.4-1]. A
// socket is closed one way first: the server closes the other.
func (c *Client) finishWriting() {
	half, ok := c.rw.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		c.hangUp()
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.linger == nil {
		c.linger = time.AfterFunc(lingerTime, c.hangUp)
	}
}

// leave ends the connection with a DISCONNECT for that reason, and in order.
// Before 5.0 there is no DISCONNECT for a cause that is an error.
func (c *Client) leave(reason packets.ReasonCode, cause error) {
	if cause != nil && c.cfg.Version != packets.V5 {
		c.abort(cause) // [MQTT3-4.8.0-1]
		return
	}
	c.mu.Lock()
	if !c.closing {
		c.closing, c.cause = true, cause
		p := packets.Disconnect{Reason: reason}
		c.buf = p.AppendTo(c.buf, c.cfg.Version) // [MQTT-4.13.1-1]
		if cause != nil {
			c.linger = time.AfterFunc(lingerTime, c.hangUp)
		}
		c.left = cause == nil
	}
	c.mu.Unlock()
	nudge(c.wake)
	nudge(c.gate)
}

// abort ends the connection at once.
func (c *Client) abort(cause error) {
	if errors.Is(cause, io.EOF) {
		cause = fmt.Errorf("by the server: %w", cause)
	}
	c.mu.Lock()
	c.closing = true
	if c.cause == nil {
		c.cause = cause
	}
	c.mu.Unlock()
	c.hangUp()
	nudge(c.gate)
}

func (c *Client) hangUp() {
	c.stopOnce.Do(func() {
		close(c.stop)
		c.rw.Close()
	})
}

// settle tells everyone who waits that it is over.
func (c *Client) settle() {
	unknown, notSent := failed(ErrUnknown, c.reason()), failed(ErrNotSent, c.reason())
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range []*time.Timer{c.keeper, c.linger} {
		if t != nil {
			t.Stop()
		}
	}
	c.over = true
	for e := range c.out.Reset() {
		c.finish([]*request{e.M}, unknown)
	}
	for _, p := range c.pings {
		if p.r != nil {
			p.r.done <- unknown
		}
	}
	c.finish(c.written, unknown)
	c.finish(c.quick, notSent)
	c.finish(c.tracked, notSent)
	c.pings, c.written, c.quick, c.tracked, c.buf = nil, nil, nil, nil, nil
	close(c.done)
}

// finish gives requests their outcome.
func (c *Client) finish(requests []*request, err error) {
	for _, r := range requests {
		r.done <- err
	}
}

// reason is an ErrClosed with what has ended the connection.
func (c *Client) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrClosed, c.cause)
}
