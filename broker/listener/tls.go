package listener

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
)

func listenTLS(ctx context.Context, where *url.URL, o *Options) (net.Listener, error) {
	secure, err := encrypt(o)
	if err != nil {
		return nil, err
	}
	return ready(ctx, where, o, secure)
}

// encrypt is the TLS handshake.
func encrypt(o *Options) (step, error) {
	m, err := newMaterial(o)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion:         m.version(),
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return m.config(), nil },
	}
	return func(conn net.Conn) (net.Conn, error) {
		c := tls.Server(conn, config)
		if err := c.Handshake(); err != nil {
			return nil, err
		}
		return &tlsConn{c}, nil
	}, nil
}

// tlsConn is a *tls.Conn that also ends the TCP connection in one direction: not
// every peer closes when it gets close_notify.
type tlsConn struct{ *tls.Conn }

// CloseWrite sends close_notify and FIN.
func (c *tlsConn) CloseWrite() error {
	if err := c.Conn.CloseWrite(); err != nil {
		return err
	}
	return c.NetConn().(interface{ CloseWrite() error }).CloseWrite()
}

// PeerName is who a client is by its certificate, whatever lies between conn and
// TLS: the Common Name of the subject or, without one, the first of the DNS
// names, e-mail addresses, URIs and IP addresses there is. It reports false
// without TLS, without a certificate, and without any name in that.
func PeerName(conn net.Conn) (string, bool) {
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
