package loop

import (
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// FD is a Socket of the system. There are many: the address is as small as can be.
type FD struct {
	fd    int32
	place int32    // among the handlers of a Poller
	ip    [16]byte // of the peer
	port  uint16   // 0 for a unix socket
}

// Acceptor is a listener that gives FDs, and nothing else.
type Acceptor struct {
	net.Listener
	file *os.File // the same socket, to wait for it
	raw  syscall.RawConn

	// Of AcceptFD, and of accept, which is ready there as take: it is called once for
	// each connection.
	take  func(ln uintptr) bool
	taken FD
	err   error
}

// NewAcceptor is for a [net.TCPListener] or a [net.UnixListener], and false for
// any other: one that has such a listener inside may have an Accept of its own. It
// takes ln over.
func NewAcceptor(ln net.Listener) (*Acceptor, bool) {
	var file *os.File
	var err error
	switch l := ln.(type) {
	case *net.TCPListener:
		file, err = l.File()
	case *net.UnixListener:
		file, err = l.File()
	default:
		return nil, false
	}
	if err != nil {
		return nil, false
	}
	raw, err := file.SyscallConn()
	if err == nil && ln.Addr().Network() == "tcp" {
		err = inherit(raw)
	}
	if err != nil {
		file.Close()
		return nil, false
	}
	a := &Acceptor{Listener: ln, file: file, raw: raw}
	a.take = a.accept
	return a, true
}

// Close ends AcceptFD, too.
func (a *Acceptor) Close() error {
	a.file.Close()
	return a.Listener.Close()
}

// The keep alive of TCP finds peers that are gone, where that of MQTT is off: as
// package net has it, after 15 s, each 15 s, 9 times.
const (
	keepAlive       = 15
	keepAliveProbes = 9
)

// inherit sets what the connections of a TCP listener have from it.
func inherit(raw syscall.RawConn) (err error) {
	failed := raw.Control(func(fd uintptr) {
		for _, o := range []struct{ level, name, value int }{
			{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, keepAlive},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepAlive},
			{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepAliveProbes},
		} {
			if err == nil {
				err = unix.SetsockoptInt(int(fd), o.level, o.name, o.value)
			}
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

// AcceptFD waits for a connection. The error is [net.ErrClosed] when the listener
// has been closed, or that of the system. It is for one goroutine.
func (a *Acceptor) AcceptFD() (*FD, error) {
	failed := a.raw.Read(a.take)
	switch {
	case failed != nil: // it has no other reason
		return nil, net.ErrClosed
	case a.err != nil:
		return nil, os.NewSyscallError("accept4", a.err)
	}
	s := a.taken
	return &s, nil
}

// accept is false when there is nothing to accept.
func (a *Acceptor) accept(ln uintptr) bool {
	for {
		fd, sa, err := unix.Accept4(int(ln), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != unix.EINTR && err != unix.ECONNABORTED {
			a.taken, a.err = newFD(fd, sa), err
			return err != unix.EAGAIN
		}
	}
}

func newFD(fd int, sa unix.Sockaddr) FD {
	s := FD{fd: int32(fd)}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		s.ip, s.port = netip.AddrFrom4(sa.Addr).As16(), uint16(sa.Port)
	case *unix.SockaddrInet6:
		s.ip, s.port = sa.Addr, uint16(sa.Port)
	}
	return s
}

// Read is of Socket, as what follows is.
func (s *FD) Read(b []byte) (int, error) {
	for {
		n, err := unix.Read(int(s.fd), b)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, ErrAgain
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// mostVectors is how many buffers the system takes at once.
const mostVectors = 1024

func (s *FD) Write(v *net.Buffers) (written int, err error) {
	for len(*v) > 0 {
		n, err := s.write((*v)[:min(len(*v), mostVectors)])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return written, ErrAgain
		case err != nil:
			return written, os.NewSyscallError("write", err)
		}
		written += n
		consume(v, n)
	}
	return written, nil
}

func (s *FD) write(v net.Buffers) (int, error) {
	if len(v) == 1 {
		return unix.Write(int(s.fd), v[0])
	}
	return unix.Writev(int(s.fd), v)
}

// consume takes n bytes off v.
func consume(v *net.Buffers, n int) {
	for len(*v) > 0 && n >= len((*v)[0]) {
		n -= len((*v)[0])
		(*v)[0] = nil
		*v = (*v)[1:]
	}
	if n > 0 {
		(*v)[0] = (*v)[0][n:]
	}
}

func (s *FD) CloseWrite() error { return unix.Shutdown(int(s.fd), unix.SHUT_WR) }

func (s *FD) Close() error { return unix.Close(int(s.fd)) }

func (s *FD) RemoteAddr() net.Addr {
	if s.port == 0 {
		return &net.UnixAddr{Net: "unix"}
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom16(s.ip).Unmap(), s.port))
}
