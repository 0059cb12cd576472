package broker

// finish begins the end: nothing is handled any more.
func (p *polled) finish(cause error) {
	p.lent = true
	go func() {
		p.turn = begin()
		p.depart(cause)
	}()
}

// depart is the end as far as the session and the farewell go. It is beside the
// loop.
func (p *polled) depart(cause error) {
	p.end(cause)
	p.turn.end()
	p.turn = nil
	p.home.Post(p.linger)
}

// linger waits for the peer to read what is written, and to close.
func (p *polled) linger() {
	if p.split != nil {
		p.split.Reset()
		p.returnSplit()
	}
	if p.rest != nil {
		p.rest.Release()
		p.rest = nil
	}
	p.lent, p.crowded, p.lingering = false, false, true
	p.since, p.came = p.home.Now(), 0
	if p.line == nil {
		p.written = true
	}
	if p.aborted {
		p.giveUp()
		return
	}
	p.setTimer()
	p.read()
	p.maybeClose()
}

// drain throws away what the peer still sends: bytes that nobody has read would
// make the close of a TCP connection throw away the farewell.
func (p *polled) drain(n int, err error) {
	p.came += int32(n)
	p.drained = err != nil || p.came >= lingerBytes
	p.maybeClose()
}

// giveUp waits for the peer no more.
func (p *polled) giveUp() {
	p.aborted = true
	if w := p.unblock(); w != nil {
		p.fail(w, errWriteTimeout)
	}
	p.maybeClose()
}

// maybeClose closes the connection, when there is nothing more to wait for. Until
// all is written somebody may be at the socket.
func (p *polled) maybeClose() {
	if !p.lingering || !p.written || !p.aborted && !p.drained {
		return
	}
	p.lingering, p.lent = false, true // for good
	p.home.Remove(p.socket, p)
	p.b.finished(&p.conn)
}
