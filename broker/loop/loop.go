// Package loop serves many connections with few goroutines: each Loop waits for
// all of its sockets at once, and calls the Handler of each that is ready. A
// connection that is idle costs what its Handler is, and nothing else: it has no
// goroutine, no buffer and no timer of its own.
package loop

import (
	"errors"
	"net"
	"sync"
	"time"
)

// ErrAgain is that a Socket has nothing to read, or no room for what is written:
// its Handler hears when it does.
var ErrAgain = errors.New("loop: not now")

// Socket is a connection whose methods do not wait.
type Socket interface {
	// Read gives io.EOF at the end of what the peer sends.
	Read(b []byte) (int, error)

	// Write takes what has been written off v. With ErrAgain, that is not all.
	Write(v *net.Buffers) (int, error)

	CloseWrite() error
	Close() error
	RemoteAddr() net.Addr
}

// Handler is a connection as the loop has it. The goroutine of the loop calls it.
type Handler interface {
	// Readable says that there may be something to read, and whether that is the
	// last. It comes once: before it comes again Read has to give less than it was
	// asked for, or the Handler to call [Loop.Again]. What comes behind the last is
	// io.EOF, or another error.
	Readable(last bool)

	// Again says that it is time to go on, after [Loop.Again].
	Again()

	// Writable says that there may be room, after [Loop.Watch].
	Writable()

	// Timer is part of the Handler.
	Timer() *Timer

	// Due says that the time of its Timer has come.
	Due()
}

// Poller waits for sockets.
type Poller interface {
	// Add begins to report when s is readable. It and Watch are for one goroutine.
	Add(s Socket, h Handler) error

	// Watch reports when s is writable, which it may be at once.
	Watch(s Socket) error

	// Forget is for a socket that is about to be closed.
	Forget(s Socket)

	// Wait waits until something is ready, or a Wake, or the time is over, which is
	// never if it is negative.
	Wait(timeout time.Duration) error

	// Report calls the handlers of what is ready.
	Report()

	// Wake ends a Wait, now or the next. Any goroutine may call it.
	Wake()

	Close() error
}

// Loop is one goroutine with many connections. Only Post may be called by others.
type Loop struct {
	poller Poller
	start  time.Time
	now    time.Duration // since start
	turn   func()        // called at the end of each
	again  []Handler
	timers timers
	spare  []func() // memory for posted
	size   int      // sockets

	mu      sync.Mutex
	posted  []func()
	asleep  bool
	stopped bool
	ended   bool
}

// New makes a loop that calls turn when it has called all handlers that there was
// something for.
func New(p Poller, turn func()) *Loop {
	return &Loop{poller: p, turn: turn, start: time.Now()}
}

// Run is the life of the loop. It ends after Stop, with its last socket. The
// error is that the Poller fails.
func (l *Loop) Run() error {
	defer l.close()
	for {
		if err := l.poller.Wait(l.patience()); err != nil {
			return err
		}
		l.now = time.Since(l.start)
		l.poller.Report()
		l.answer()
		l.repeat()
		for h := l.timers.due(l.now); h != nil; h = l.timers.due(l.now) {
			h.Due()
		}
		l.turn()
		if l.over() {
			return nil
		}
	}
}

// close lets nobody post any more, even if the Poller has failed.
func (l *Loop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended, l.posted = true, nil
	l.poller.Close()
}

// patience is how long the loop may wait.
func (l *Loop) patience() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.posted) > 0 || len(l.again) > 0 {
		return 0
	}
	l.asleep = true
	return l.timers.wait(time.Since(l.start))
}

// answer calls what has been posted.
func (l *Loop) answer() {
	l.mu.Lock()
	all := l.posted
	l.posted, l.spare, l.asleep = l.spare, nil, false
	l.mu.Unlock()
	for _, f := range all {
		f()
	}
	clear(all)
	l.spare = all[:0]
}

// repeat calls those who have more to read.
func (l *Loop) repeat() {
	n := len(l.again)
	for i := range n {
		l.again[i].Again()
	}
	m := copy(l.again, l.again[n:])
	clear(l.again[m:])
	l.again = l.again[:m]
}

func (l *Loop) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = l.stopped && l.size == 0 && len(l.posted) == 0
	return l.ended
}

// Post lets the loop call f soon. What is posted comes in its order. It does not
// wait; after the end of the loop it does nothing.
func (l *Loop) Post(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.posted = append(l.posted, f)
	if l.asleep {
		l.asleep = false
		l.poller.Wake()
	}
}

// Stop lets Run end when no socket is left. Any goroutine may call it.
func (l *Loop) Stop() {
	l.Post(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stopped = true
	})
}

// Add begins to serve s.
func (l *Loop) Add(s Socket, h Handler) error {
	if err := l.poller.Add(s, h); err != nil {
		return err
	}
	l.size++
	return nil
}

// Watch lets h be Writable when s is, which it may be at once.
func (l *Loop) Watch(s Socket) error { return l.poller.Watch(s) }

// Remove closes s, which has been added with h, and stops its timer.
func (l *Loop) Remove(s Socket, h Handler) {
	l.SetTimer(h, 0)
	l.poller.Forget(s)
	s.Close()
	l.size--
}

// Again calls h.Again behind all that are Readable, in this turn or the next. Who
// asks more than once before that has more than its share.
func (l *Loop) Again(h Handler) { l.again = append(l.again, h) }

// Now is when the turn began, as time since the loop did.
func (l *Loop) Now() time.Duration { return l.now }
