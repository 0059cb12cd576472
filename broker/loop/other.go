//go:build !linux

package loop

import (
	"errors"
	"net"
)

// FD is a Socket of the system. There are none but on Linux.
type FD struct{ Socket }

// Acceptor is a listener that gives FDs, and nothing else.
type Acceptor struct{ net.Listener }

// NewAcceptor is false.
func NewAcceptor(net.Listener) (*Acceptor, bool) { return nil, false }

// AcceptFD fails.
func (*Acceptor) AcceptFD() (*FD, error) { return nil, errors.ErrUnsupported }

// NewPoller fails.
func NewPoller() (Poller, error) { return nil, errors.ErrUnsupported }
