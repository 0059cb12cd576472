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
