package clienttest

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// Listener is where a client under test connects again and again, in memory: its
// Dial is for Config.Dialer. What becomes of each attempt is for the test to say, one
// after the other, by Accept, Refuse and Hang. Until it does, the attempt waits. There
// is no clock and no socket, so it is good inside of [testing/synctest].
type Listener struct {
	// Version is that of the Peers.
	Version packets.Version

	t        testing.TB
	attempts chan *attempt
	address  string
}

// attempt is a call of Dial.
type attempt struct {
	address string
	outcome chan outcome // gets one; room for it
	over    <-chan struct{}
}

type outcome struct {
	conn net.Conn
	err  error
}

// Listen is a Listener without any attempt yet.
func Listen(t testing.TB, v packets.Version) *Listener {
	return &Listener{Version: v, t: t, attempts: make(chan *attempt)}
}

// Dial is for Config.Dialer. It waits for the test to say what becomes of it, or for
// the end of ctx.
func (l *Listener) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	a := &attempt{address, make(chan outcome, 1), ctx.Done()}
	select {
	case l.attempts <- a:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case o := <-a.outcome:
		return o.conn, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// next waits for the client to dial.
func (l *Listener) next() *attempt {
	a := <-l.attempts
	l.address = a.address
	return a
}

// Address is what the last attempt has dialled, host:port or a path. It is for the
// goroutine that calls Accept, Refuse and Hang.
func (l *Listener) Address() string { return l.address }

// Accept waits for the client to dial and gives the other end of its connection, which
// is closed with the test.
func (l *Listener) Accept() *Peer {
	l.t.Helper()
	a := l.next()
	near, far := net.Pipe()
	c := &conn{Conn: near}
	l.t.Cleanup(func() { near.Close(); far.Close() })
	p := New(l.t, far, l.Version)
	p.reset = c.reset
	a.outcome <- outcome{conn: c}
	return p
}

// Refuse waits for the client to dial and has it fail with err, or if that is nil
// because nobody listens.
func (l *Listener) Refuse(err error) {
	if err == nil {
		err = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	l.next().outcome <- outcome{err: err}
}

// Hang waits for the client to dial and to give up, as if the network had lost its
// packets.
func (l *Listener) Hang() { <-l.next().over }

// conn can end as if the other end had been killed.
type conn struct {
	net.Conn
	killed atomic.Bool
}

func (c *conn) reset() {
	c.killed.Store(true)
	c.Conn.Close()
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.cause("read", err)
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.cause("write", err)
}

func (c *conn) cause(op string, err error) error {
	if err == nil || !c.killed.Load() {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Err: os.NewSyscallError(op, syscall.ECONNRESET)}
}
