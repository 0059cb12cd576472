package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// proxy stands between clients and a broker, on 127.0.0.1, and does to their
// connections what networks do.
type proxy struct {
	address string
	broker  string
	plan    plan

	faulty context.Context // ends when there are no faults any more
	calm   context.CancelFunc
	ctx    context.Context // ends with the proxy
	end    context.CancelFunc
	struck [kinds]atomic.Int64

	greeting sync.Mutex       // held while somebody replays a CONNECT
	newest   map[string]*line // by CONNECT, under greeting

	mu       sync.Mutex
	ln       net.Listener // nil while connections are refused
	accepted int
	all      sync.WaitGroup // goroutines; none is added once ctx has ended
}

// newProxy listens. To be closed.
func newProxy(broker string, plan plan) (*proxy, error) {
	p := &proxy{broker: broker, plan: plan, newest: map[string]*line{}}
	p.ctx, p.end = context.WithCancel(context.Background())
	p.faulty, p.calm = context.WithCancel(p.ctx)
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p.address = fmt.Sprint("127.0.0.1:", port)
	if err := p.listen(); err != nil {
		return nil, err
	}
	return p, nil
}

// freePort is below those that the system gives to whoever does not name one: nobody
// takes it while connections are refused.
func freePort() (int, error) {
	const first, ports = 10_000, 10_000
	for i := range ports {
		port := first + (os.Getpid()+i)%ports
		if ln, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			ln.Close()
			return port, nil
		}
	}
	return 0, errors.New("no port is free")
}

func (p *proxy) listen() error {
	ln, err := net.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return ln.Close()
	}
	p.ln = ln
	p.all.Go(func() { p.serve(ln) })
	return nil
}

// refuse lets nobody connect for that time.
func (p *proxy) refuse(d time.Duration) error {
	p.mu.Lock()
	p.ln.Close()
	p.mu.Unlock()
	wait(p.faulty, d)
	return p.listen()
}

// close ends all connections, and returns when nothing of the proxy runs any more.
func (p *proxy) close() {
	p.mu.Lock()
	p.end()
	p.ln.Close()
	p.mu.Unlock()
	p.all.Wait()
}

func (p *proxy) serve(ln net.Listener) {
	for {
		client, err := ln.Accept()
		if err != nil {
			return
		}
		if !p.start(func() { p.join(client.(*net.TCPConn)) }) {
			client.Close()
		}
	}
}

// start runs f, unless the proxy is closed.
func (p *proxy) start(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return false
	}
	p.all.Go(f)
	return true
}

// join connects a client with the broker, until both have ended.
func (p *proxy) join(client *net.TCPConn) {
	defer client.Close()
	p.mu.Lock()
	n := p.accepted
	p.accepted++
	p.mu.Unlock()
	nc, err := new(net.Dialer).DialContext(p.ctx, "tcp", p.broker)
	if err != nil {
		client.SetLinger(0)
		return
	}
	l := &line{proxy: p, client: client, broker: nc.(*net.TCPConn)}
	defer context.AfterFunc(p.ctx, l.close)()
	up, down := p.plan(n)
	var both sync.WaitGroup
	both.Go(func() { l.carry(&flow{from: client, to: l.broker, up: true, script: up}) })
	both.Go(func() { l.carry(&flow{from: l.broker, to: client, script: down}) })
	both.Wait()
	l.close()
}

// wait is for that time, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
