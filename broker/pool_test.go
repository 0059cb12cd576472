package broker

import (
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/fletchmq/fletch/broker/loop"
)

// pool is a loop.Poller for pipes, which has fake time inside of a bubble.
type pool struct {
	mu       sync.Mutex
	handlers map[*pipe]loop.Handler
	watched  map[*pipe]bool
	ready    []*pipe
	woken    chan struct{}
}

func newPool() (loop.Poller, error) {
	return &pool{handlers: make(map[*pipe]loop.Handler), watched: make(map[*pipe]bool), woken: make(chan struct{}, 1)}, nil
}

func (p *pool) Add(s loop.Socket, h loop.Handler) error {
	x := s.(*pipe)
	p.mu.Lock()
	p.handlers[x] = h
	p.mu.Unlock()
	x.setPool(p)
	p.notify(x)
	return nil
}

func (p *pool) Watch(s loop.Socket) error {
	p.mu.Lock()
	p.watched[s.(*pipe)] = true
	p.mu.Unlock()
	p.notify(s.(*pipe))
	return nil
}

func (p *pool) Forget(s loop.Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.handlers, s.(*pipe))
	delete(p.watched, s.(*pipe))
}

// notify says that something has happened to x.
func (p *pool) notify(x *pipe) {
	p.mu.Lock()
	p.ready = append(p.ready, x)
	p.mu.Unlock()
	p.Wake()
}

func (p *pool) Wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *pool) Wait(timeout time.Duration) error {
	if timeout != 0 {
		var late <-chan time.Time
		if timeout > 0 {
			late = time.After(timeout)
		}
		select {
		case <-p.woken:
		case <-late:
		}
	}
	return nil
}

func (p *pool) Report() {
	p.mu.Lock()
	ready := p.ready
	p.ready = nil
	p.mu.Unlock()
	for _, x := range ready {
		in, last, out := x.state()
		if h := p.handler(x); h != nil && out && p.watched[x] {
			h.Writable()
		}
		if h := p.handler(x); h != nil && (in || last) {
			h.Readable(last)
		}
	}
}

func (p *pool) handler(x *pipe) loop.Handler {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.handlers[x]
}

func (p *pool) Close() error { return nil }

// room is how much a pipe takes in one direction, in bytes: little, so that what
// is larger than a few packets comes in pieces.
const room = 1000

// pipe is a connection of which one end is on a loop: that is the loop.Socket.
// The other end is the net.Conn of faraway.
type pipe struct {
	mu       sync.Mutex
	pool     *pool
	up, down []byte        // to the broker, from it
	gone     bool          // the client has closed
	half     bool          // the broker writes no more
	closed   bool          // the broker has closed
	changed  chan struct{} // closed and made anew for each change
}

func newPipe() *pipe { return &pipe{changed: make(chan struct{})} }

func (x *pipe) setPool(p *pool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pool = p
}

func (x *pipe) state() (in, last, out bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.up) > 0, x.gone, len(x.down) < room || x.gone
}

// change does what f does, and tells both ends.
func (x *pipe) change(f func()) {
	x.mu.Lock()
	f()
	close(x.changed)
	x.changed = make(chan struct{})
	p := x.pool
	x.mu.Unlock()
	if p != nil {
		p.notify(x)
	}
}

func (x *pipe) Read(b []byte) (n int, err error) {
	x.mu.Lock()
	empty, gone := len(x.up) == 0, x.gone
	x.mu.Unlock()
	switch {
	case !empty:
		x.change(func() {
			n = copy(b, x.up)
			x.up = x.up[n:]
		})
		return n, nil
	case gone:
		return 0, io.EOF
	}
	return 0, loop.ErrAgain
}

func (x *pipe) Write(v *net.Buffers) (n int, err error) {
	x.change(func() {
		for len(*v) > 0 {
			k := min(room-len(x.down), len((*v)[0]))
			switch {
			case x.gone || x.half || x.closed:
				err = io.ErrClosedPipe
				return
			case k == 0 && len((*v)[0]) > 0:
				err = loop.ErrAgain
				return
			}
			x.down = append(x.down, (*v)[0][:k]...)
			n += k
			if (*v)[0] = (*v)[0][k:]; len((*v)[0]) == 0 {
				*v = (*v)[1:]
			}
		}
	})
	return n, err
}

func (x *pipe) CloseWrite() error { x.change(func() { x.half = true }); return nil }
func (x *pipe) Close() error      { x.change(func() { x.half, x.closed = true, true }); return nil }

func (x *pipe) RemoteAddr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// faraway is the other end of a pipe.
type faraway struct {
	*pipe
	mu       sync.Mutex
	deadline [2]time.Time // for Read and Write
}

// until calls f, for as long as that gives false, whenever something has changed.
func (c *faraway) until(which int, f func() bool) error {
	for {
		var done bool
		c.pipe.mu.Lock()
		changed := c.changed
		done = f()
		c.pipe.mu.Unlock()
		if done {
			return nil
		}
		c.mu.Lock()
		deadline := c.deadline[which]
		c.mu.Unlock()
		var late <-chan time.Time
		if !deadline.IsZero() {
			t := time.NewTimer(time.Until(deadline))
			defer t.Stop()
			late = t.C
		}
		select {
		case <-changed:
		case <-late:
			return os.ErrDeadlineExceeded
		}
	}
}

func (c *faraway) Read(b []byte) (n int, err error) {
	late := c.until(0, func() bool {
		switch n = copy(b, c.down); {
		case n > 0:
			c.down = c.down[n:]
		case c.gone:
			err = io.ErrClosedPipe
		case c.half:
			err = io.EOF
		default:
			return false
		}
		return true
	})
	if late != nil {
		return 0, late
	}
	c.change(func() {})
	return n, err
}

func (c *faraway) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		k := 0
		late := c.until(1, func() bool {
			k = min(room-len(c.up), len(b))
			switch {
			case c.gone || c.closed:
				err = io.ErrClosedPipe
			case k == 0:
				return false
			}
			return true
		})
		if late != nil {
			return n, late
		}
		if err == nil {
			c.change(func() { c.up = append(c.up, b[:k]...) })
			n, b = n+k, b[k:]
		}
	}
	return n, err
}

func (c *faraway) Close() error { c.change(func() { c.gone = true }); return nil }

func (c *faraway) LocalAddr() net.Addr { return pipeAddr{} }

func (c *faraway) set(which int, t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline[which] = t
}

func (c *faraway) SetReadDeadline(t time.Time) error  { c.set(0, t); return nil }
func (c *faraway) SetWriteDeadline(t time.Time) error { c.set(1, t); return nil }
func (c *faraway) SetDeadline(t time.Time) error      { c.set(0, t); c.set(1, t); return nil }
