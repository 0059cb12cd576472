// Package origin has what the broker wants to know of the other end, whatever the
// transport: who it is by its certificate, and whether it can be another machine.
package origin

import (
	"crypto/tls"
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

// Name is who a client is by its certificate, whatever lies between conn and
// TLS: the Common Name of the subject or, without one, the first of the DNS
// names, e-mail addresses, URIs and IP addresses there is. It reports false
// without TLS, without a certificate, and without any name in that.
func Name(conn net.Conn) (string, bool) {
	for conn != nil {
		if c, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
			return nameIn(c.ConnectionState())
		}
		over, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = over.NetConn()
	}
	return "", false
}

func nameIn(state tls.ConnectionState) (string, bool) {
	if len(state.VerifiedChains) == 0 {
		return "", false
	}
	leaf := state.VerifiedChains[0][0]
	switch {
	case leaf.Subject.CommonName != "":
		return leaf.Subject.CommonName, true
	case len(leaf.DNSNames) > 0:
		return leaf.DNSNames[0], true
	case len(leaf.EmailAddresses) > 0:
		return leaf.EmailAddresses[0], true
	case len(leaf.URIs) > 0:
		return leaf.URIs[0].String(), true
	case len(leaf.IPAddresses) > 0:
		return leaf.IPAddresses[0].String(), true
	}
	return "", false
}
