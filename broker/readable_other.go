//go:build !unix

package broker

import (
	"net"
	"syscall"
)

// rawConn is nil: here nobody can wait until there is something to read.
func rawConn(net.Conn) syscall.RawConn { return nil }

func readable(uintptr) bool { return true }
