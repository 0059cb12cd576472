package listener

import (
	"net"
	"net/netip"
)

// Local reports whether only this machine, or this process, can connect to a
// listener with that address: a loopback address, a unix socket, or a [net.Pipe].
// Of an address that it does not understand it says no.
func Local(address net.Addr) bool {
	if address == nil {
		return false
	}
	if _, unix := address.(*net.UnixAddr); unix || address.Network() == "pipe" {
		return true
	}
	at, err := netip.ParseAddrPort(address.String())
	return err == nil && at.Addr().Unmap().IsLoopback()
}
