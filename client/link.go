package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
	"github.com/fletchmq/fletch/packets/frame"
)

const (
	// maxOwed is how many answers wait to be stored or written before nothing is read
	// that would add to them: more than there are packet identifiers for, so that it
	// holds back no server that keeps to them.
	maxOwed = 1 << 17

	// lingerTime is how long the transport may take to write the DISCONNECT, and
	// the server to close after it.
	lingerTime = time.Second
)

// link is one connection. The goroutine of the Client reads from it.
type link struct {
	// Set before anyone else knows of it, never changed.
	c       *Client
	rw      io.ReadWriteCloser
	try     func(b []byte) (n int, err error) // writes what the transport takes at once, may be nil
	target  *target                           // nil with New
	version packets.Version
	clean   bool // a clean session was asked for
	connack *packets.Connack
	limits  limits
	start   time.Time
	alive   time.Duration // keep alive in force, 0: none

	// Reader.
	frames *frame.Reader
	dec    packets.FromServer
	came   int          // bytes, with the last Read
	lastIn atomic.Int64 // when the transport gave something, since start

	// Channels wake, and carry nothing.
	wake     chan struct{} // the writer; room for one
	gate     chan struct{} // the reader, when it is paused; room for one
	stop     chan struct{} // closed with the transport
	written  chan struct{} // closed when the writer has ended
	stopOnce sync.Once

	// Under Client.mu.
	output
	pings []ping // PINGREQs without an answer

	reauthentication *request // under way, nil if there is none
	answering        bool     // an AUTH of the server

	alias   flow.AliasIn
	aliases flow.AliasOut
	paused  bool // the reader
	closing bool // nothing is sent any more
	cause   error
	keeper  *time.Timer // the next look at the keep alive
	linger  *time.Timer // closes the transport that does not end
}

func newLink(c *Client, rw io.ReadWriteCloser, t *target) *link {
	l := &link{
		c: c, rw: rw, try: tryWriter(rw), target: t, start: time.Now(),
		wake: make(chan struct{}, 1), gate: make(chan struct{}, 1),
		stop: make(chan struct{}), written: make(chan struct{}),
	}
	l.frames = frame.NewReader(meter{l})
	l.frames.Limit, l.frames.From, l.frames.ReadSize = c.cfg.MaximumPacketSize, packets.Server, smallRead
	return l
}

// nudge wakes who waits for ch, if not now then when it begins to wait.
func nudge(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// nudge wakes writer and reader.
func (l *link) nudge() {
	nudge(l.wake)
	nudge(l.gate)
}

// attach makes l the connection of the Client, and begins to write. It is refused
// if the Client has been closed meanwhile.
func (c *Client) attach(l *link) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return c.reasonLocked()
	}
	c.link, c.connack, c.cause = l, l.connack, nil
	c.counts.connects++
	if id, ok := l.connack.Props.AssignedClientIdentifier(); ok {
		c.id = string(id)
	}
	c.become(Up)
	l.alias.Reset(c.cfg.TopicAliasMaximum)
	l.aliases.Reset(min(l.limits.topicAliasMaximum, maxAliases))
	l.lastOut = time.Now()
	if l.alive > 0 {
		l.keeper = time.AfterFunc(l.alive/keepAliveLooks, l.look)
	}
	c.resume(l)
	c.tellUp(l)
	go l.write()
	return nil
}

// serve reads until the connection ends, and cleans up. It outlives the writer.
func (c *Client) serve(l *link) error {
	err := l.read()
	var broken *packets.BrokenError
	switch {
	case errors.As(err, &broken):
		c.report(slog.LevelError, "the server broke the standard", "err", err)
		l.give(broken.Reason, err)
	case err == errFull:
		l.give(packets.QuotaExceeded, err)
	case err != nil && !l.leaving():
		l.abort(err)
	}
	// What else the server sends is read, or closing a socket would take back the
	// DISCONNECT that is on its way. Unlike io.Copy, bufio gives up on a transport
	// that reads nothing and says nothing.
	bufio.NewReader(l.rw).Discard(math.MaxInt)
	l.hangUp()
	<-l.written
	err = c.detach(l)
	if l.target != nil {
		c.mu.Lock()
		c.detour = c.referred(l.target, err)
		c.mu.Unlock()
	}
	return err
}

// read handles packets until one is wrong or the client leaves, which is no error.
func (l *link) read() error {
	for l.mayRead() {
		l.fit()
		first, body, err := l.frames.Next()
		if err != nil {
			return err
		}
		if err := l.handleAll(first, body); err != nil {
			return err
		}
		l.push()
	}
	return nil
}

// handleAll handles this packet and the others that have been read.
func (l *link) handleAll(first byte, body []byte) error {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	for n, ok := 0, true; ok && !l.closing; n++ {
		if err := l.handle(first, body); err != nil {
			return err
		}
		if n == maxHandled {
			return nil
		}
		first, body, ok = l.frames.Ready()
	}
	l.c.pump(l)
	return nil
}

func (l *link) leaving() bool {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	return l.closing
}

// mayRead waits while so much is unread or unanswered that the server has to
// wait. It is false when the client leaves.
func (l *link) mayRead() bool {
	for {
		l.c.mu.Lock()
		full := l.owed+len(l.c.stored.then) >= maxOwed || l.c.queued >= pauseAt && l.c.waiting.Load() == 0
		if l.paused && !full {
			l.lastIn.Store(int64(time.Since(l.start)))
		}
		l.paused = full && !l.closing
		paused, closing := l.paused, l.closing
		l.c.mu.Unlock()
		if !paused {
			return !closing
		}
		<-l.gate
	}
}

// give is leave for who does not have Client.mu.
func (l *link) give(reason packets.ReasonCode, cause error) {
	if l.version != packets.V5 {
		l.abort(cause) // [MQTT3-4.8.0-1]
		return
	}
	l.c.mu.Lock()
	l.leave(reason, cause)
	l.c.mu.Unlock()
	l.nudge()
}

// leave ends the connection with a DISCONNECT for that reason, and in order, with
// Client.mu. Before 5.0 there is no DISCONNECT for a cause that is an error.
func (l *link) leave(reason packets.ReasonCode, cause error) {
	if l.closing {
		return
	}
	l.closing, l.cause = true, cause
	p := packets.Disconnect{Reason: reason}
	if cause == nil && l.c.borrowsSession() && l.c.cfg.SessionExpiry <= 0 {
		p.Props.SetSessionExpiryInterval(0)
	}
	l.buf = p.AppendTo(l.buf, l.version) // [MQTT-4.13.1-1]
	if cause != nil {
		l.linger = time.AfterFunc(lingerTime, l.hangUp)
	}
}

// abort ends the connection at once.
func (l *link) abort(cause error) {
	if errors.Is(cause, io.EOF) {
		cause = fmt.Errorf("by the server: %w", cause)
	}
	l.c.mu.Lock()
	l.closing = true
	if l.cause == nil {
		l.cause = cause
	}
	l.c.mu.Unlock()
	l.hangUp()
	nudge(l.gate)
}

func (l *link) hangUp() {
	l.stopOnce.Do(func() {
		close(l.stop)
		l.rw.Close()
	})
}

// detach is the end of a connection. It gives the cause.
func (c *Client) detach(l *link) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range []*time.Timer{l.keeper, l.linger, l.lazy} {
		if t != nil {
			t.Stop()
		}
	}
	c.link = nil
	if c.cause == nil {
		c.cause = l.cause
	}
	c.become(Connecting)
	c.interrupt(l)
	return l.cause
}
