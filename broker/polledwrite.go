package broker

import (
	"net"
	"time"

	"github.com/fletchmq/fletch/broker/loop"
	"github.com/fletchmq/fletch/broker/session"
)

// mostBatches is how many batches are written to one connection before others
// have their turn.
const mostBatches = 8

// Direct is of session.Direct.
func (p *polled) Direct() {}

// Flush is of session.Owner.
func (p *polled) Flush(l *session.Line) {
	w := writers.Get().(*writer)
	w.line = l
	p.flush(w)
}

// flush writes what there is to w and its line. Whoever has w does it, and has it
// until all is written.
func (p *polled) flush(w *writer) {
	taken, err := p.flushSome(w)
	switch {
	case err == loop.ErrAgain:
		w.own()
		p.home.Post(func() { p.block(w) })
	case err != nil:
		p.fail(w, err)
	case taken == session.Filled:
		p.home.Post(func() { p.flush(w) })
	case taken == session.Idle:
		w.done()
	default:
		w.line.Abandon()
		w.done()
		p.hangUp(nil)
		p.home.Post(func() { p.wrote() })
	}
}

// flushSome gives what Take has said last, or why not all has been written.
func (p *polled) flushSome(w *writer) (taken session.Taken, err error) {
	defer caught(&err)
	for range mostBatches {
		if len(w.vectors) == 0 {
			if taken = w.line.Take(&w.batch); taken != session.Filled {
				return taken, nil
			}
			w.encode(&p.conn, w.line)
		}
		n, err := p.socket.Write(&w.vectors)
		p.tally().sent.add(Traffic{Bytes: uint64(n)})
		if err != nil {
			return taken, err
		}
		w.release()
		p.expand(w)
	}
	return session.Filled, nil
}

// block keeps w until the socket has room.
func (p *polled) block(w *writer) {
	p.blocked, w.since = w, p.home.Now()
	if p.aborted {
		p.giveUp()
		return
	}
	p.home.Watch(p.socket)
	p.setTimer()
}

func (p *polled) unblock() *writer {
	w := p.blocked
	p.blocked = nil
	return w
}

// Writable is of loop.Handler.
func (p *polled) Writable() {
	if w := p.unblock(); w != nil {
		p.flush(w)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake()
}

// fail is that what w and its line have cannot be written.
func (p *polled) fail(w *writer, err error) {
	p.forgo(w)
	w.line.Abandon()
	w.release()
	w.done()
	p.kill(err)
	p.home.Post(func() {
		p.aborted = true
		p.wrote()
	})
}

// wrote is the end of all writing.
func (p *polled) wrote() {
	p.written = true
	p.maybeClose()
}

// write is of link. It is called beside the loop, and may wait: for little time
// when the connection ends, and before that no longer than until it is to end.
func (p *polled) write(b []byte) error {
	room := make(chan struct{}, 1)
	p.setRoom(room)
	defer p.setRoom(nil)
	until, ends := p.deadline(), p.dying()
	if ends {
		until = time.Now().Add(lingerTime)
	}
	for v := (net.Buffers{b}); ; {
		if _, err := p.socket.Write(&v); err != loop.ErrAgain {
			return err
		}
		if err := p.awaitRoom(room, until); err != nil {
			return err
		}
		if !ends && p.dying() {
			return p.whyEnd(nil, false)
		}
	}
}

// awaitRoom waits until the socket may have room.
func (p *polled) awaitRoom(room chan struct{}, until time.Time) error {
	late := time.NewTimer(time.Until(until))
	defer late.Stop()
	p.home.Post(func() { p.home.Watch(p.socket) })
	select {
	case <-room:
		return nil
	case <-late.C:
		return errWriteTimeout
	}
}

func (p *polled) setRoom(room chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiters().room = room
}

// wake tells who waits for room to try again. It is called with conn.mu.
func (p *polled) wake() {
	if p.some == nil {
		return
	}
	select {
	case p.some.room <- struct{}{}:
	default:
	}
}

func (p *polled) hangUp(err error) {
	if err == nil {
		p.socket.CloseWrite()
		return
	}
	p.kill(err)
}
