package listener

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

// step is a part of what happens to a connection before it is accepted. It gives
// what to go on with, which may be another connection over conn. The deadline is
// set, and conn is closed when step fails.
type step func(conn net.Conn) (net.Conn, error)

// preparing is a listener whose connections have taken steps, each in a
// goroutine of its own.
type preparing struct {
	net.Listener
	steps   []step
	timeout time.Duration
	logger  *slog.Logger
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup
	places  chan struct{} // one taken for each connection that is not accepted yet
	results chan result
}

type result struct {
	conn net.Conn
	err  error
}

func prepare(l net.Listener, o *Options, steps []step) net.Listener {
	p := &preparing{
		Listener: l,
		steps:    steps,
		timeout:  o.HandshakeTimeout,
		logger:   o.Logger,
		places:   make(chan struct{}, o.MaximumHandshakes),
		results:  make(chan result),
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.running.Go(p.accept)
	return p
}

// accept goes on behind an error once somebody has taken that, as it may be for
// want of something that comes back.
func (p *preparing) accept() {
	for {
		select {
		case p.places <- struct{}{}:
		case <-p.ctx.Done():
			return
		}
		conn, err := p.Listener.Accept()
		if err != nil {
			if !p.give(result{nil, err}) {
				return
			}
			<-p.places
			continue
		}
		p.running.Go(func() {
			defer func() { <-p.places }()
			p.run(conn)
		})
	}
}

// run makes conn ready, or closes it.
func (p *preparing) run(conn net.Conn) {
	stop := context.AfterFunc(p.ctx, func() { conn.Close() })
	remote := conn.RemoteAddr()
	done, err := p.walk(conn)
	if stop() && err == nil && p.give(result{done, nil}) {
		return
	}
	switch {
	case p.ctx.Err() != nil:
	case errors.Is(err, io.EOF):
		p.logger.Debug("connection ended before it was ready", "listener", p.Addr(), "remote", remote)
	default:
		p.logger.Info("connection refused", "listener", p.Addr(), "remote", remote, "error", err)
	}
	conn.Close()
}

// walk takes the steps. What a peer sends must not end the process, so that a
// panic is an error.
func (p *preparing) walk(conn net.Conn) (_ net.Conn, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	if err := conn.SetDeadline(time.Now().Add(p.timeout)); err != nil {
		return nil, err
	}
	for _, step := range p.steps {
		if conn, err = step(conn); err != nil {
			return nil, err
		}
	}
	return conn, conn.SetDeadline(time.Time{})
}

// give hands r to Accept, and reports whether that has it.
func (p *preparing) give(r result) bool {
	select {
	case p.results <- r:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// Accept gives the next connection that is ready.
func (p *preparing) Accept() (net.Conn, error) {
	if p.ctx.Err() == nil {
		select {
		case r := <-p.results:
			return r.conn, r.err
		case <-p.ctx.Done():
		}
	}
	return nil, &net.OpError{Op: "accept", Net: p.Addr().Network(), Addr: p.Addr(), Err: net.ErrClosed}
}

// Close also closes the connections that are not accepted yet, and waits until
// nothing of them runs.
func (p *preparing) Close() error {
	p.cancel()
	err := p.Listener.Close()
	p.running.Wait()
	return err
}
