package listener

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"

	"github.com/pires/go-proxyproto"
)

// Sizes of PROXY headers, in bytes.
const (
	leastV1  = len("PROXY UNKNOWN\r\n")
	mostV1   = 107
	prefixV2 = 16   // its last two are the length of the rest
	mostV2   = 4096 // of the rest: addresses, and a certificate perhaps
)

// unproxy makes the address in a PROXY header the remote address, if the header
// is from a trusted one.
func unproxy(trusted []netip.Prefix) step {
	return func(conn net.Conn) (net.Conn, error) {
		tcp, ok := conn.(*net.TCPConn)
		if !ok || !trusts(trusted, tcp.RemoteAddr()) {
			return conn, nil
		}
		header, err := readProxyHeader(tcp)
		if err != nil {
			return nil, fmt.Errorf("PROXY header expected from a trusted address: %w", err)
		}
		source, _, ok := header.TCPAddrs()
		if !ok || header.Command.IsLocal() {
			return conn, nil // the proxy speaks for itself, or cannot say for whom
		}
		return &proxied{tcp, source}, nil
	}
}

func trusts(trusted []netip.Prefix, address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// proxied is a connection that a proxy has passed on.
type proxied struct {
	*net.TCPConn
	remote net.Addr
}

// RemoteAddr is the address of the client.
func (c *proxied) RemoteAddr() net.Addr { return c.remote }

// NetConn is the connection with the proxy.
func (c *proxied) NetConn() net.Conn { return c.TCPConn }

// readProxyHeader takes the header from r, and not a byte more: what follows is
// read without a detour.
func readProxyHeader(r io.Reader) (*proxyproto.Header, error) {
	raw := make([]byte, leastV1, mostV1)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, err
	}
	var err error
	switch {
	case bytes.HasPrefix(raw, proxyproto.SIGV2):
		raw, err = restOfV2(r, raw)
	case bytes.HasPrefix(raw, proxyproto.SIGV1):
		raw, err = restOfV1(r, raw)
	default:
		err = proxyproto.ErrNoProxyProtocol
	}
	if err != nil {
		return nil, err
	}
	return proxyproto.Read(bufio.NewReaderSize(bytes.NewReader(raw), len(raw)))
}

var (
	errLongV1 = errors.New("version 1 has 107 bytes at most")
	errLongV2 = fmt.Errorf("version 2 with more than %d bytes of addresses and extensions", mostV2)
)

func restOfV1(r io.Reader, raw []byte) ([]byte, error) {
	for raw[len(raw)-1] != '\n' {
		if len(raw) == mostV1 {
			return nil, errLongV1
		}
		raw = raw[:len(raw)+1]
		if _, err := io.ReadFull(r, raw[len(raw)-1:]); err != nil {
			return nil, err
		}
	}
	return raw, nil
}

func restOfV2(r io.Reader, raw []byte) ([]byte, error) {
	raw = raw[:prefixV2]
	if _, err := io.ReadFull(r, raw[leastV1:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(raw[prefixV2-2:]))
	if n > mostV2 {
		return nil, errLongV2
	}
	raw = slices.Grow(raw, n)[:prefixV2+n]
	_, err := io.ReadFull(r, raw[prefixV2:])
	return raw, err
}
