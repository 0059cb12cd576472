//go:build unix

package client

import (
	"io"
	"net"
	"syscall"
)

// tryWriter is a Write that does not wait, for sockets, and nil for others. One
// goroutine calls it at a time.
func tryWriter(rw io.Writer) func(b []byte) (int, error) {
	var conn syscall.Conn
	switch rw := rw.(type) {
	case *stream:
		return tryWriter(rw.Conn)
	case *net.TCPConn:
		conn = rw
	case *net.UnixConn:
		conn = rw
	default:
		return nil
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	var (
		bytes []byte
		n     int
		fault error
	)
	write := func(fd uintptr) bool {
		n, fault = syscall.Write(int(fd), bytes)
		return true
	}
	return func(b []byte) (int, error) {
		bytes, n, fault = b, 0, nil
		if err := raw.Write(write); err != nil {
			return 0, err
		}
		bytes = nil
		return max(n, 0), fault
	}
}
