package broker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/fletchmq/fletch/broker/session"
)

// Payloads of this size in bytes are written from where they are. Copying
// smaller ones costs less.
const sendInPlace = 4096

// writer has what the writing goroutine uses again and again.
type writer struct {
	batch   session.Batch
	encoder *session.Encoder
	buf     []byte
	cuts    []cut
	vectors net.Buffers
	left    net.Buffers // of vectors
}

// cut is where in buf a payload belongs that stands elsewhere.
type cut struct {
	at      int
	payload []byte
}

// keepBuffer is how large a buffer is kept for the next batch, in bytes.
const keepBuffer = 128 << 10

// write sends what the line has until that is closed and empty.
func (c *conn) write() {
	defer close(c.written)
	w := writer{encoder: session.NewEncoder(c.peer)}
	err := guard(func() error {
		for c.line.Take(&w.batch) {
			if err := c.send(&w); err != nil {
				return err
			}
		}
		return nil
	})
	if r := w.batch.Replay; r != nil { // the session goes on
		c.client.out.Expand(r, nil, r.After)
	}
	c.hangUp(err)
}

// hangUp is the end of what is written, for that reason, or nil if it is all.
func (c *conn) hangUp(err error) {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if err == nil && ok && half.CloseWrite() == nil {
		return
	}
	if err != nil {
		c.kill(err)
	}
	c.nc.Close()
}

// expand looks up the retained messages that the batch asks for.
func (c *conn) expand(w *writer) {
	if r := w.batch.Replay; r != nil {
		retained, after := c.b.retainedFor(r)
		w.batch.Replay = nil
		c.client.out.Expand(r, retained, after)
	}
}

// send writes a batch and releases its messages.
func (c *conn) send(w *writer) error {
	w.buf = append(w.buf[:0], w.batch.Control...)
	for i := range w.batch.Messages {
		d := &w.batch.Messages[i]
		w.buf = w.encoder.AppendHead(w.buf, d)
		if p := d.Message.Publish.Payload; len(p) < sendInPlace {
			w.buf = append(w.buf, p...)
		} else {
			w.cuts = append(w.cuts, cut{len(w.buf), p})
		}
	}
	n := uint64(len(w.batch.Messages))
	c.tally.sent.add(Traffic{Packets: countPackets(w.batch.Control) + n, Messages: n})
	err := c.flush(w)
	for i := range w.batch.Messages {
		w.batch.Messages[i].Message.Release()
	}
	clear(w.batch.Messages)
	clear(w.cuts)
	w.cuts = w.cuts[:0]
	if cap(w.buf) > keepBuffer {
		w.buf = nil
	}
	if err != nil {
		return err
	}
	c.expand(w)
	return nil
}

// flush writes buf with its cuts filled in, in one call of Write where it can.
func (c *conn) flush(w *writer) error {
	if len(w.buf) == 0 {
		return nil
	}
	at := 0
	w.vectors = w.vectors[:0]
	for _, cut := range w.cuts {
		w.vectors = append(w.vectors, w.buf[at:cut.at], cut.payload)
		at = cut.at
	}
	if at < len(w.buf) {
		w.vectors = append(w.vectors, w.buf[at:])
	}
	for w.left = w.vectors; ; {
		if err := c.allowWrite(); err != nil {
			return err
		}
		n, err := w.left.WriteTo(c.nc)
		c.tally.sent.add(Traffic{Bytes: uint64(n)})
		switch {
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case n == 0:
			return fmt.Errorf("WriteTimeout: %w", err)
		}
	}
}

// allowWrite gives the next write its time.
func (c *conn) allowWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	deadline := time.Now().Add(c.b.config.WriteTimeout)
	if !c.endBy.IsZero() && c.endBy.Before(deadline) {
		deadline = c.endBy
	}
	return c.nc.SetWriteDeadline(deadline)
}
