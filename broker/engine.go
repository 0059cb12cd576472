package broker

import (
	"net"

	"github.com/fletchmq/fletch/broker/loop"
)

// Engine is how connections are served.
type Engine uint8

// The engines.
const (
	// EventLoops serve TCP and unix sockets on Linux: a few goroutines read all
	// connections, and an idle one has neither a goroutine nor a buffer. Other
	// connections, such as those of TLS and WebSocket, are served as by Goroutines.
	EventLoops Engine = iota

	// Goroutines serve one connection each, and another one writes to it while there
	// is something to write.
	Goroutines
	endOfEngines
)

// loops are the event loops of a broker. They begin when there is something for
// them.
type loops struct {
	poller func() (loop.Poller, error)
	homes  []*home // under Broker.mu
}

// stay gives the loop for another connection. It holds b.mu, and the broker is not
// closed.
func (b *Broker) stay() (*home, error) {
	if len(b.loops.homes) == 0 {
		homes, err := b.build()
		if err != nil {
			return nil, err
		}
		b.loops.homes = homes
	}
	best := b.loops.homes[0]
	for _, h := range b.loops.homes {
		if best.members < together {
			break
		}
		if h.members < best.members {
			best = h
		}
	}
	best.members++
	return best, nil
}

// together is how many connections one loop serves before another is asked: few
// that talk to each other are quicker without a second processor, and are heard in
// the order in which they speak.
const together = 16

func (b *Broker) build() (homes []*home, err error) {
	for lane := range b.config.Loops {
		p, err := b.loops.poller()
		if err != nil {
			for _, h := range homes {
				h.Stop()
			}
			return nil, err
		}
		h := &home{turn: &turn{lane: 1 + lane, routes: new(routes)}, buf: make([]byte, burst+readSize)}
		h.Loop = loop.New(p, h.endTurn)
		b.running.Add(1)
		go b.runLoop(h)
		homes = append(homes, h)
	}
	return homes, nil
}

func (b *Broker) runLoop(h *home) {
	defer b.running.Done()
	if err := h.Run(); err != nil {
		b.config.Logger.Error("event loop ended", "error", err)
	}
}

// acceptor gives ln, or what takes its place, and what accepts a connection of it
// and starts to serve that. Its error is that of accepting.
func (b *Broker) acceptor(ln net.Listener) (net.Listener, func() error) {
	if b.config.Engine == EventLoops {
		if a, ok := loop.NewAcceptor(ln); ok {
			return a, func() error {
				s, err := a.AcceptFD()
				if err == nil {
					b.startPolled(s)
				}
				return err
			}
		}
	}
	return ln, func() error {
		nc, err := ln.Accept()
		if err == nil {
			b.start(nc)
		}
		return err
	}
}

// startPolled serves s on a loop, or closes it.
func (b *Broker) startPolled(s loop.Socket) error {
	err := b.admit(s, func() (*conn, error) {
		h, err := b.stay()
		if err != nil {
			return nil, err
		}
		p := newPolled(b, h, s)
		h.Post(p.begin)
		return &p.conn, nil
	})
	if err != nil {
		s.Close()
	}
	return err
}

// start serves nc with goroutines, or closes it.
func (b *Broker) start(nc net.Conn) error {
	err := b.admit(nc, func() (*conn, error) {
		s := newStream(b, nc)
		go s.run()
		return &s.conn, nil
	})
	if err != nil {
		nc.Close()
	}
	return err
}
