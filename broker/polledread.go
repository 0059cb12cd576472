package broker

import (
	"github.com/fletchmq/fletch/broker/loop"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// Readable is of loop.Handler.
func (p *polled) Readable(last bool) {
	p.unread = true
	p.last = p.last || last
	p.read()
}

// Again is of loop.Handler.
func (p *polled) Again() {
	p.again = false
	p.read()
}

// read reads once, if it may and is not to do so later in this turn.
func (p *polled) read() {
	if !p.unread || p.lent || p.crowded || p.again {
		return
	}
	b := p.home.room()
	n, err := p.socket.Read(b)
	if err == loop.ErrAgain {
		p.unread = false
		return
	}
	p.unread = err == nil && (n == len(b) || p.last)
	switch {
	case p.lingering:
		p.drain(n, err)
	case err != nil:
		p.finish(p.whyEnd(err, false))
	default:
		p.arrive(n)
		p.home.piece = b[:n]
		p.feed(b[:n])
		p.home.keep()
	}
	if p.unread && !p.lent && !p.crowded {
		p.again = true
		p.home.Again(p)
	}
}

// mostLast is how often who is taken over is read for the last time.
const mostLast = 8

// readLast handles what has come before the connection is another's: it may have
// ended with DISCONNECT.
func (p *polled) readLast() {
	b := p.home.room()
	for range mostLast {
		if p.lent || p.crowded {
			return
		}
		n, err := p.socket.Read(b)
		if err != nil {
			return
		}
		p.arrive(n)
		p.feed(b[:n])
		if n < len(b) {
			return
		}
	}
}

// arrive counts bytes that have come. Patience is for the time between packets,
// as for a stream.
func (p *polled) arrive(n int) {
	p.home.turn.received.Bytes += uint64(n)
	p.home.handle(n)
	if p.came += int32(n); p.came >= progress && p.line != nil {
		p.since, p.came = p.home.Now(), 0
	}
}

// feed handles the packets in piece.
func (p *polled) feed(piece []byte) {
	p.turn = p.home.turn
	p.takeSplit()
	p.split.Feed(piece)
	err := p.handleAll()
	p.tally().received.add(p.home.turn.received)
	p.home.turn.received = Traffic{}
	if p.lent {
		return
	}
	p.turn = nil
	p.returnSplit()
	if err != nil {
		p.finish(err)
	}
}

// takeSplit is for a packet that begins to come.
func (p *polled) takeSplit() {
	if p.split == nil {
		p.split, p.home.split = p.home.split, nil
	}
	if p.split == nil {
		p.split = p.newSplit()
	}
}

func (p *polled) newSplit() *frame.Splitter {
	return &frame.Splitter{Limit: uint32(p.b.config.MaximumPacketSize)}
}

// returnSplit lets another connection have it, if there is nothing in it.
func (p *polled) returnSplit() {
	if p.split != nil && p.split.Empty() {
		p.home.split, p.split = p.split, nil
	}
}

// handleAll handles what has been fed, until it has to be put off.
func (p *polled) handleAll() (err error) {
	defer caught(&err)
	for {
		p.split.Version = p.version
		first, body, ok := p.split.Next()
		if !ok {
			return p.split.Err()
		}
		p.since, p.came = p.home.Now(), 0
		if p.mayWait(first) {
			p.lend(first, body)
			return nil
		}
		if err := p.packet(first, body); err != nil {
			return err
		}
		if p.crowded = p.mustWait(); p.crowded {
			p.putOff()
			return nil
		}
	}
}

// mayWait reports whether a packet asks the user of the package something, or
// waits for another connection, or for the store.
func (p *polled) mayWait(first byte) bool {
	switch packets.Type(first >> 4) {
	case packets.TypePublish:
		return p.line == nil || p.b.config.Authorize != nil
	case packets.TypeSubscribe, packets.TypeUnsubscribe:
		return p.line == nil || p.b.config.Authorize != nil || p.client.out.Stored()
	case packets.TypeAuth:
		return true
	}
	return p.line == nil
}

// putOff keeps what has been fed and not handled.
func (p *polled) putOff() {
	if rest := p.split.Rest(); len(rest) > 0 {
		p.rest = frame.Copy(rest)
	}
}

// goOn handles what was put off, and reads.
func (p *polled) goOn() {
	p.since, p.came = p.home.Now(), 0
	if rest := p.rest; rest != nil {
		p.rest = nil
		p.feed(rest.Bytes())
		rest.Release()
	}
	p.read()
	p.setTimer()
}

// lend lets another goroutine handle a packet, and what has been read behind it.
func (p *polled) lend(first byte, body []byte) {
	f := p.split.Take(body)
	p.putOff()
	p.returnSplit()
	p.lent, p.relieved, p.turn = true, false, nil
	go p.beside(first, f)
}

// beside handles the packet in f beside the loop.
func (p *polled) beside(first byte, f *frame.Frame) {
	p.turn = begin()
	err := p.handleBeside(first, f)
	if err != nil {
		p.depart(err)
		return
	}
	p.count()
	wait := p.mustWait()
	p.turn.end()
	p.turn = nil
	p.home.Post(func() { p.back(wait) })
}

func (p *polled) handleBeside(first byte, f *frame.Frame) (err error) {
	defer caught(&err)
	if err := p.handlePacked(first, f); err != nil {
		return err
	}
	if p.b.config.Authorize == nil || p.line == nil || p.rest == nil {
		return nil
	}
	return p.handleRest()
}

func (p *polled) handlePacked(first byte, f *frame.Frame) error {
	defer f.Release()
	p.turn.packed = f
	defer func() { p.turn.packed = nil }()
	return p.packet(first, f.Bytes())
}

// handleRest handles what was put off. With Authorize most packets are to be lent:
// coming back for each would copy what is behind it each time.
func (p *polled) handleRest() error {
	rest := p.rest
	p.rest = nil
	defer rest.Release()
	if p.split == nil {
		p.split = p.newSplit()
	}
	p.split.Version = p.version
	p.split.Feed(rest.Bytes())
	for !p.mustWait() {
		first, body, ok := p.split.Next()
		if !ok {
			return p.split.Err()
		}
		if err := p.packet(first, body); err != nil {
			return err
		}
	}
	p.putOff()
	return nil
}

// back is the return of a connection that was lent, and is to wait unless it has
// been relieved meanwhile.
func (p *polled) back(wait bool) {
	p.lent = false
	p.returnSplit()
	if p.dying() {
		p.noticed()
		return
	}
	if p.crowded = wait && !p.relieved; !p.crowded {
		p.goOn()
	}
}

// Relieved is of session.Owner.
func (p *polled) Relieved() {
	p.home.Post(func() {
		p.relieved = true
		if p.crowded && !p.lent {
			p.crowded = false
			p.goOn()
		}
	})
}
