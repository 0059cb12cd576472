package client

import (
	"runtime"
	"time"
)

const (
	// writeSize is the most of one Write in bytes. A transport that takes less
	// than this within the keep alive is taken for dead.
	writeSize = 64 << 10

	// room is how many bytes wait to be written before PUBLISHes wait instead.
	room = 64 << 10

	// lazyTime is how long acknowledgements wait for others while their handler has
	// more to do.
	lazyTime = 200 * time.Microsecond
)

// output is what is to be written. It has one writer at a time: the goroutine
// link.write, or who calls link.push. Client.mu guards it.
type output struct {
	buf     []byte        // to be written
	spare   []byte        // buf of the write before
	waiters []*publishing // QoS 0, over when buf is written
	freed   []*publishing // waiters of the write before
	owed    int           // answers to the server in buf
	writing bool          // someone writes, or is about to
	rest    batch         // what push has left to write
	lastOut time.Time     // the last byte left
	lazy    *time.Timer   // wakes the writer for acknowledgements
	resting bool          // lazy will go off
	over    bool          // the connection has ended, for all but a push that is late
}

// batch is what one write takes.
type batch struct {
	bytes   []byte
	waiters []*publishing
	last    bool // behind it the connection ends
}

// take is what waits to be written, and makes the caller the writer.
func (l *link) take() batch {
	b := batch{l.buf, l.waiters, l.closing}
	l.buf, l.spare = l.spare[:0], nil
	l.waiters, l.freed = l.freed[:0], nil
	l.owed, l.writing, l.lastOut = 0, true, time.Now()
	l.c.pump(l)
	return b
}

// wrote is the end of a write that take began.
func (l *link) wrote(b batch) {
	l.writing = false
	for _, p := range b.waiters {
		l.c.finish(p, nil)
	}
	clear(b.waiters)
	l.freed = b.waiters[:0]
	if l.spare = b.bytes[:0]; cap(l.spare) > 4*room {
		l.spare = nil // after a large message
	}
}

// push has what waits written: at once if the transport takes it and nobody else is
// about to, or soon.
func (l *link) push() {
	l.c.mu.Lock()
	if l.try == nil || l.writing || l.closing || len(l.buf) == 0 || len(l.buf) > writeSize {
		wake := !l.writing && (l.closing || len(l.buf) > 0)
		l.c.mu.Unlock()
		if wake {
			nudge(l.wake)
		}
		return
	}
	b := l.take()
	l.c.mu.Unlock()
	n, err := l.try(b.bytes)
	l.c.mu.Lock()
	switch {
	case err == nil && n == len(b.bytes):
		l.wrote(b)
	case l.over:
		l.c.lose(b.waiters)
	default:
		b.bytes = b.bytes[n:]
		l.rest = b
	}
	more, paused := l.writing || len(l.buf) > 0 || l.closing, l.paused
	l.c.mu.Unlock()
	if more {
		nudge(l.wake)
	}
	if paused {
		nudge(l.gate)
	}
}

// pushLater has what waits written soon, together with what comes meanwhile. It is
// called with Client.mu.
func (l *link) pushLater() {
	switch {
	case l.resting || l.closing:
	case l.lazy == nil:
		l.lazy, l.resting = time.AfterFunc(lazyTime, l.pushAll), true
	default:
		l.resting = true
		l.lazy.Reset(lazyTime)
	}
}

func (l *link) pushAll() {
	l.c.mu.Lock()
	l.resting = false
	l.c.mu.Unlock()
	l.push()
}

// write is the goroutine that writes what push does not.
func (l *link) write() {
	defer close(l.written)
	for {
		select {
		case <-l.wake:
		case <-l.stop:
			return
		}
		runtime.Gosched() // whoever is about to publish does so first, and leaves with it
		for {
			b, ok := l.next()
			if !ok {
				break
			}
			if err := l.writeAll(b.bytes); err != nil {
				l.abort(err)
				l.c.mu.Lock()
				l.rest = b
				l.c.mu.Unlock()
				return
			}
			l.c.mu.Lock()
			l.wrote(b)
			l.c.mu.Unlock()
			nudge(l.gate)
			if b.last {
				l.finish()
				return
			}
		}
	}
}

// next is what is to be written now, or false.
func (l *link) next() (b batch, ok bool) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	switch {
	case l.rest.bytes != nil:
		b, l.rest = l.rest, batch{}
		return b, true
	case l.writing || len(l.buf) == 0 && !l.closing:
		return b, false
	}
	return l.take(), true
}

// writeAll writes in parts, so that look sees a large packet make its way.
func (l *link) writeAll(b []byte) error {
	for len(b) > 0 {
		n, err := l.rw.Write(b[:min(len(b), writeSize)])
		if err != nil {
			return err
		}
		if b = b[n:]; len(b) > 0 {
			l.c.mu.Lock()
			l.lastOut = time.Now()
			l.c.mu.Unlock()
		}
	}
	return nil
}

// finish closes the transport behind the DISCONNECT [MQTT-3.14.4-1]. A socket is
// closed one way first: the server closes the other.
func (l *link) finish() {
	half, ok := l.rw.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		l.hangUp()
		return
	}
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if l.linger == nil {
		l.linger = time.AfterFunc(lingerTime, l.hangUp)
	}
}
