//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
)

// netRelay is what the goroutines of serveNet share.
type netRelay struct {
	mu     sync.Mutex
	topics map[string][]net.Conn
}

// serveNet relays what comes by ln until ctx ends. It closes ln.
func serveNet(ctx context.Context, ln *net.TCPListener) error {
	r := &netRelay{topics: map[string][]net.Conn{}}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	for {
		c, err := ln.Accept()
		if err != nil {
			ln.Close()
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		serving.Go(func() {
			defer c.Close()
			defer context.AfterFunc(ctx, func() { c.Close() })()
			if err := r.serve(c); err != nil && ctx.Err() == nil {
				fmt.Println("ends a connection:", err)
			}
		})
	}
}

func (r *netRelay) serve(c net.Conn) error {
	var g greeter
	defer r.leave(c)
	buf := make([]byte, atOnce)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return nil
		}
		topic, begin, err := g.feed(buf[:n])
		r.subscribe(c, g.filters)
		c.Write(g.answers)
		if err != nil {
			return err
		}
		if begin != nil {
			return r.forward(c, begin, buf, r.subscribers(topic))
		}
	}
}

func (r *netRelay) forward(c net.Conn, piece, buf []byte, to []net.Conn) error {
	if len(to) == 0 {
		return fmt.Errorf("%v publishes, and nobody is subscribed", c.RemoteAddr())
	}
	for {
		for _, s := range to {
			s.Write(piece) // that of a subscriber that has gone is of no interest
		}
		n, err := c.Read(buf)
		if err != nil {
			return nil
		}
		piece = buf[:n]
	}
}

func (r *netRelay) subscribe(c net.Conn, filters []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range filters {
		r.topics[f] = append(r.topics[f], c)
	}
}

func (r *netRelay) subscribers(topic string) []net.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.topics[topic])
}

func (r *netRelay) leave(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, all := range r.topics {
		r.topics[topic] = slices.DeleteFunc(all, func(o net.Conn) bool { return o == c })
	}
}
