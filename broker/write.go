package broker

import (
	"bytes"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/fletchmq/fletch/broker/session"
)

// Payloads of this size in bytes are written from where they are. Copying
// smaller ones costs less.
const sendInPlace = 4096

// writer is what it takes to send a batch.
type writer struct {
	line    *session.Line // whose batch it is, where that has to be remembered
	since   time.Duration // as loop.Now: it is blocked
	batch   session.Batch
	encoder session.Encoder
	buf     []byte
	cuts    []cut
	vectors net.Buffers // still to be written
	owned   int         // bytes of them that have been copied, and count
	memory  net.Buffers // of vectors
}

// cut is where in buf bytes belong that stand elsewhere.
type cut struct {
	at    int
	bytes []byte
}

// keepBuffer is how large a buffer is kept for the next batch, in bytes.
const keepBuffer = 128 << 10

var writers = sync.Pool{New: func() any { return new(writer) }}

// encode makes packets of the batch, which is of l, and counts them.
func (w *writer) encode(c *conn, l *session.Line) {
	w.buf = append(w.buf[:0], w.batch.Control...)
	for _, b := range w.batch.Relayed {
		w.add(b)
	}
	for i := range w.batch.Messages {
		d := &w.batch.Messages[i]
		c.tellDelivered(d)
		var payload []byte
		w.buf, payload = w.encoder.Append(w.buf, l, d)
		w.add(payload)
	}
	n := uint64(len(w.batch.Messages) + w.batch.Relays)
	c.tally().sent.add(Traffic{Packets: countPackets(w.batch.Control) + n, Messages: n})
	w.lay()
}

// add puts bytes behind what there is.
func (w *writer) add(b []byte) {
	if len(b) < sendInPlace {
		w.buf = append(w.buf, b...)
	} else {
		w.cuts = append(w.cuts, cut{len(w.buf), b})
	}
}

// own copies what is left of a batch with packets that were relayed: it is written
// behind the end of the turn.
func (w *writer) own() {
	if w.batch.Relays > 0 && w.owned == 0 {
		b := bytes.Join(w.vectors, nil)
		w.vectors, w.owned = net.Buffers{b}, len(b)
		w.line.Charge(w.owned)
	}
}

// lay makes vectors of buf with its cuts filled in.
func (w *writer) lay() {
	at := 0
	w.memory = w.memory[:0]
	for _, cut := range w.cuts {
		w.memory = append(w.memory, w.buf[at:cut.at], cut.bytes)
		at = cut.at
	}
	if at < len(w.buf) {
		w.memory = append(w.memory, w.buf[at:])
	}
	w.vectors = w.memory
}

// release is for a batch that has been sent, or is not to be any more.
func (w *writer) release() {
	for i := range w.batch.Messages {
		w.batch.Messages[i].Message.Release()
	}
	clear(w.batch.Messages)
	w.batch.Messages = w.batch.Messages[:0]
	if w.owned > 0 {
		w.line.Charge(-w.owned)
		w.owned = 0
	}
	clear(w.cuts)
	w.cuts = w.cuts[:0]
	clear(w.memory)
	w.vectors = nil
	if cap(w.buf) > keepBuffer {
		w.buf = nil
	}
}

// done gives w back, with nothing in it, whatever has happened.
func (w *writer) done() {
	w.release()
	w.batch.Reset()
	w.line = nil
	writers.Put(w)
}

// expand looks up what the batch asks for: retained messages, and those that are not
// in memory.
func (c *conn) expand(w *writer) {
	if r := w.batch.Replay; r != nil {
		w.batch.Replay = nil
		c.b.expand(c.client, r)
	}
	if p := w.batch.Page; p != nil {
		w.batch.Page = nil
		c.b.beside(func() { c.readPage(p) })
	}
}

// readPage may wait for the store.
func (c *conn) readPage(p *session.Page) {
	t := begin()
	defer t.end()
	orphans, err := p.Read(&t.Turn)
	if err != nil {
		c.kill(fmt.Errorf("%w: %w", errStore, err))
	}
	c.b.adopt(c.client, orphans, &t.Turn)
}

// beside calls f on a goroutine of its own, unless the broker ends.
func (b *Broker) beside(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.running.Go(func() { b.contain(nil, f) })
	}
}

// forgo leaves what the batch asks for to the next connection.
func (c *conn) forgo(w *writer) {
	if r := w.batch.Replay; r != nil {
		var t session.Turn
		c.client.out.Expand(r, nil, nil, r.After, &t)
		t.Flush()
	}
}
