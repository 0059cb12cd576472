package main

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// line is a connection of a client, and that to the broker which stands for it.
type line struct {
	*proxy
	client, broker *net.TCPConn

	silent   atomic.Int64           // until when, in nanoseconds
	orphaned atomic.Bool            // the client hears nothing more
	connect  atomic.Pointer[[]byte] // CONNECT, once it is whole
}

// flow is one direction of a line, used by one goroutine.
type flow struct {
	from, to *net.TCPConn
	up       bool // from the client
	script   script
	next     fault
	slow     fault // the last one that was
	begun    []byte
	passed   int
}

// close ends both connections.
func (l *line) close() {
	l.client.Close()
	l.broker.Close()
}

// carry passes bytes on until the end of the direction.
func (l *line) carry(f *flow) {
	f.next = f.script()
	buf := make([]byte, 16<<10)
	for {
		n, err := f.from.Read(buf)
		if f.up && l.connect.Load() == nil {
			l.listenFor(f, buf[:n])
		}
		switch ok := l.pass(f, buf[:n]); {
		case !ok || l.orphaned.Load():
			return
		case err == io.EOF:
			f.to.CloseWrite()
			return
		case err != nil:
			l.reset()
			return
		}
	}
}

// listenFor keeps the first packet of a client.
func (l *line) listenFor(f *flow, b []byte) {
	f.begun = append(f.begun, b...)
	if len(f.begun) == 0 {
		return
	}
	body, n := binary.Uvarint(f.begun[1:]) // section 1.5.5 has the same form
	if whole := 1 + n + int(body); n > 0 && whole <= len(f.begun) {
		packet := f.begun[:whole:whole]
		l.greeting.Lock()
		l.newest[string(packet)] = l
		l.greeting.Unlock()
		l.connect.Store(&packet)
	}
}

// pass writes b, and lets happen what is due among its bytes. It is false when the
// direction has ended.
func (l *line) pass(f *flow, b []byte) bool {
	for len(b) > 0 {
		if l.orphaned.Load() {
			return false
		}
		if l.faulty.Err() != nil {
			f.next, f.slow = never(), fault{}
		}
		if f.next.after == 0 {
			if !l.strike(f) {
				return false
			}
			f.next = f.script()
			continue
		}
		n := min(len(b), f.next.after)
		if f.slow.bytes > 0 {
			n = min(n, f.slow.bytes, f.slow.piece)
		}
		wait(l.faulty, time.Until(time.Unix(0, l.silent.Load())))
		if _, err := f.to.Write(b[:n]); err != nil {
			if !l.orphaned.Load() {
				l.reset()
			}
			return false
		}
		b = b[n:]
		f.passed += n
		f.next.after -= n
		if f.slow.bytes > 0 {
			f.slow.bytes -= n
			wait(l.faulty, f.slow.takes)
		}
	}
	return true
}

// strike is the fault that is due. It is false when the direction has ended.
func (l *line) strike(f *flow) bool {
	switch f.next.kind {
	case stall, silence, slow:
		if f.up && !l.greeted(f) {
			return true
		}
	}
	l.struck[f.next.kind].Add(1)
	switch f.next.kind {
	case reset:
		l.reset()
		return false
	case finish:
		l.close()
		return false
	case half:
		f.to.CloseWrite()
		io.Copy(io.Discard, f.from)
		return false
	case stall:
		wait(l.faulty, f.next.takes)
	case silence:
		l.silent.Store(time.Now().Add(f.next.takes).UnixNano())
	case slow:
		f.slow = f.next
	case orphan:
		l.orphaned.Store(true)
		l.client.SetLinger(0)
		l.client.Close()
		wait(l.faulty, f.next.takes)
		l.broker.Close()
		return false
	case replay:
		l.orphaned.Store(true)
		l.replay(f.next.takes)
		return false
	}
	return l.proxy.ctx.Err() == nil
}

// greeted reports whether CONNECT has passed. It is not held back: if its client has
// connected anew when it arrives, it takes over the session from that, which is the end
// of a client of 5.0.
func (l *line) greeted(f *flow) bool {
	connect := l.connect.Load()
	return connect != nil && f.passed >= len(*connect)
}

// reset lets both ends read an RST.
func (l *line) reset() {
	l.client.SetLinger(0)
	l.broker.SetLinger(0)
	l.close()
}

// replay connects once more as the client, who reads an RST when that is done, and never
// what the broker says to it. Whoever has connected says no more. A client that has
// connected anew is left alone: it would hear that its session was taken over.
func (l *line) replay(d time.Duration) {
	defer l.reset()
	l.greeting.Lock()
	defer l.greeting.Unlock()
	connect := l.connect.Load()
	if connect == nil || l.newest[string(*connect)] != l {
		return
	}
	nc, err := new(net.Dialer).DialContext(l.faulty, "tcp", l.proxy.broker)
	if err != nil {
		return
	}
	nc.SetDeadline(time.Now().Add(patience))
	stop := context.AfterFunc(l.faulty, func() { nc.Close() })
	_, err = nc.Write(*connect)
	if err == nil {
		_, err = nc.Read(make([]byte, 1)) // of CONNACK
	}
	stays := err == nil && l.start(func() {
		defer stop()
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(d))
		io.Copy(io.Discard, nc)
	})
	if !stays {
		stop()
		nc.Close()
	}
}
