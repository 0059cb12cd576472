package main

import (
	"context"
	"net"
)

// wire is the client's end of a connection to a machine. Once the power is out nothing
// is read from it, not even what has arrived: it may have been sent later.
type wire struct {
	net.Conn
	power *powered
}

func (m *machine) dial(ctx context.Context) (net.Conn, error) {
	p := m.power.Load()
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	w := &wire{nc, p}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out.Load() {
		nc.Close()
		return nil, net.ErrClosed
	}
	p.wires[w] = struct{}{}
	return w, nil
}

// Read gives nothing that has come after the power went.
func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if w.power.out.Load() {
		return 0, net.ErrClosed
	}
	return n, err
}

// Close closes the connection.
func (w *wire) Close() error {
	w.power.mu.Lock()
	delete(w.power.wires, w)
	w.power.mu.Unlock()
	return w.Conn.Close()
}

// hush ends all connections. Clients hear nothing more.
func (p *powered) hush() {
	p.out.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.wires {
		w.Conn.(*net.TCPConn).SetLinger(0)
		w.Conn.Close()
	}
}
