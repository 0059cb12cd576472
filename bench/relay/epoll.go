//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"slices"

	"golang.org/x/sys/unix"
)

// relay is all that its one goroutine knows.
type relay struct {
	epoll   int
	clients []*client // by descriptor
	topics  map[string][]*client
	buf     [atOnce]byte
}

// client is a connection.
type client struct {
	greeter
	fd int

	// A publisher.
	to   []*client // whom its bytes go to, nil until it publishes
	full int       // how many of them have no room

	// A subscriber.
	from *client // who publishes to it
	left []byte  // what is still to be written
}

// serveEpoll relays what comes by ln until ctx ends. It closes ln.
func serveEpoll(ctx context.Context, ln *net.TCPListener) error {
	defer ln.Close()
	r := &relay{topics: map[string][]*client{}}
	var err error
	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	defer unix.Close(r.epoll)
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(wake)
	if err := r.watch(unix.EPOLL_CTL_ADD, wake, unix.EPOLLIN); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) })
	defer stop()
	raw, err := ln.SyscallConn()
	if err != nil {
		return err
	}
	defer r.endAll()
	var failed error
	err = raw.Control(func(listener uintptr) { failed = r.loop(int(listener), wake) })
	if failed != nil {
		return failed
	}
	return err
}

func (r *relay) watch(op, fd int, events uint32) error {
	return unix.EpollCtl(r.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// loop returns when there is something to read from wake.
func (r *relay) loop(listener, wake int) error {
	if err := r.watch(unix.EPOLL_CTL_ADD, listener, unix.EPOLLIN); err != nil {
		return err
	}
	var events [256]unix.EpollEvent
	for {
		n, err := unix.EpollWait(r.epoll, events[:], -1)
		if err != nil && err != unix.EINTR {
			return err
		}
		for _, e := range events[:max(n, 0)] {
			switch fd := int(e.Fd); {
			case fd == wake:
				return nil
			case fd == listener:
				if err := r.accept(listener); err != nil {
					return err
				}
			case r.clients[fd] == nil: // ended by an event before this one
			case e.Events&unix.EPOLLOUT != 0:
				r.rest(r.clients[fd])
			default:
				r.read(r.clients[fd])
			}
		}
	}
}

func (r *relay) accept(listener int) error {
	fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	switch err {
	case nil:
	case unix.EAGAIN, unix.EINTR, unix.ECONNABORTED:
		return nil
	default:
		return fmt.Errorf("accept: %w", err)
	}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if fd >= len(r.clients) {
		r.clients = append(r.clients, make([]*client, fd+1-len(r.clients))...)
	}
	r.clients[fd] = &client{fd: fd}
	return r.watch(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
}

// read takes one piece from c.
func (r *relay) read(c *client) {
	n, err := unix.Read(c.fd, r.buf[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
	case n <= 0:
		r.end(c)
	case c.to != nil:
		r.forward(c, r.buf[:n])
	default:
		r.greet(c, r.buf[:n])
	}
}

// greet ends c if what it has sent is not for a relay.
func (r *relay) greet(c *client, piece []byte) {
	topic, begin, err := c.feed(piece)
	r.send(c, c.answers)
	for _, f := range c.filters {
		r.topics[f] = append(r.topics[f], c)
	}
	if begin != nil {
		c.to = slices.Clone(r.topics[topic])
		for _, s := range c.to {
			if s.from != nil {
				err = fmt.Errorf("a second publisher for a subscriber of %s", topic)
				continue
			}
			s.from = c
			if len(s.left) > 0 {
				c.full++
			}
		}
		if len(c.to) == 0 {
			err = fmt.Errorf("nobody is subscribed to %s", topic)
		}
	}
	if err != nil {
		fmt.Println("ends a connection:", err)
		r.end(c)
		return
	}
	r.forward(c, begin)
}

func (r *relay) forward(p *client, piece []byte) {
	for _, s := range p.to {
		r.send(s, piece)
	}
	if p.full > 0 {
		r.watch(unix.EPOLL_CTL_MOD, p.fd, 0)
	}
}

// send keeps what does not fit. That a connection is broken shows when it is read.
func (r *relay) send(s *client, piece []byte) {
	if len(s.left) > 0 {
		s.left = append(s.left, piece...)
		return
	}
	n := write(s.fd, piece)
	if n == len(piece) {
		return
	}
	s.left = append(s.left, piece[n:]...)
	r.watch(unix.EPOLL_CTL_MOD, s.fd, unix.EPOLLOUT)
	if s.from != nil {
		s.from.full++
	}
}

// rest sends what is left, and has the publisher go on when that was the last.
func (r *relay) rest(s *client) {
	s.left = s.left[:copy(s.left, s.left[write(s.fd, s.left):])]
	if len(s.left) > 0 {
		return
	}
	r.watch(unix.EPOLL_CTL_MOD, s.fd, unix.EPOLLIN)
	r.room(s.from)
}

// room is called when a subscriber of p that was full no longer is.
func (r *relay) room(p *client) {
	if p == nil {
		return
	}
	if p.full--; p.full == 0 {
		r.watch(unix.EPOLL_CTL_MOD, p.fd, unix.EPOLLIN)
	}
}

// write gives how much it has written, which is all if the connection is broken.
func write(fd int, b []byte) int {
	for {
		switch n, err := unix.Write(fd, b); err {
		case nil:
			return n
		case unix.EAGAIN:
			return 0
		case unix.EINTR:
		default:
			return len(b)
		}
	}
}

func (r *relay) end(c *client) {
	unix.Close(c.fd)
	r.clients[c.fd] = nil
	for _, s := range c.to {
		if s.from == c {
			s.from = nil
		}
	}
	is := func(o *client) bool { return o == c }
	for topic, all := range r.topics {
		r.topics[topic] = slices.DeleteFunc(all, is)
	}
	if p := c.from; p != nil {
		p.to = slices.DeleteFunc(p.to, is)
		if len(c.left) > 0 {
			r.room(p)
		}
	}
}

func (r *relay) endAll() {
	for _, c := range r.clients {
		if c != nil {
			unix.Close(c.fd)
		}
	}
}
