package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
)

// dial opens a transport to t, ready for CONNECT. One goroutine may read while
// another writes; Close interrupts both. When ctx ends first, so does dial; later
// it has no effect.
func (t *target) dial(ctx context.Context, cfg *Config) (io.ReadWriteCloser, error) {
	rw, err := t.open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", t, err)
	}
	return rw, nil
}

func (t *target) open(ctx context.Context, cfg *Config) (rw io.ReadWriteCloser, err error) {
	conn, err := t.connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	err = within(ctx, conn, func() (err error) {
		if t.secure() {
			if conn, err = encrypt(ctx, conn, cfg.TLS, t.url.Hostname()); err != nil {
				return err
			}
		}
		if t.web() {
			rw, err = upgrade(conn, t, cfg)
			return err
		}
		rw = &stream{Conn: conn, secure: t.secure()}
		return nil
	})
	return rw, err
}

// connect opens a socket whose other end is the server.
func (t *target) connect(ctx context.Context, cfg *Config) (net.Conn, error) {
	dial := cfg.Dialer
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	if t.url.Scheme == "unix" {
		return dial(ctx, "unix", t.url.Path)
	}
	proxy, err := cfg.proxyFor(t)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if proxy == nil {
		return dial(ctx, "tcp", t.url.Host)
	}
	conn, err := dial(ctx, "tcp", proxyAddress(proxy))
	if err == nil {
		conn, err = throughProxy(ctx, conn, proxy, t.url.Host, cfg.TLS)
	}
	if err != nil {
		return nil, fmt.Errorf("proxy %s://%s: %w", proxy.Scheme, proxy.Host, err)
	}
	return conn, nil
}

// within lets do use conn until ctx ends, and closes conn if either fails.
func within(ctx context.Context, conn io.Closer, do func() error) error {
	unhook := context.AfterFunc(ctx, func() { conn.Close() })
	err := do()
	if !unhook() {
		err = ended(ctx)
	}
	if err != nil {
		conn.Close()
	}
	return err
}

// encrypt is the TLS handshake, with the server of that name unless cfg has
// another.
func encrypt(ctx context.Context, conn net.Conn, cfg *tls.Config, name string) (net.Conn, error) {
	if cfg == nil {
		cfg = &tls.Config{ServerName: name}
	} else if cfg.ServerName == "" {
		cfg = cfg.Clone()
		cfg.ServerName = name
	}
	secure := tls.Client(conn, cfg)
	err := secure.HandshakeContext(ctx)
	var (
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
	)
	switch {
	case err == nil:
		return secure, nil
	case errors.As(err, &record):
		return nil, fmt.Errorf("TLS handshake: this port does not speak TLS: %w", err)
	case errors.As(err, &authority):
		return nil, fmt.Errorf("TLS handshake: %w: Config.TLS.RootCAs says which are known", err)
	case hungUp(err):
		return nil, fmt.Errorf("TLS handshake: the server hangs up, is this port for TLS? %w", err)
	}
	return nil, fmt.Errorf("TLS handshake: %w", err)
}

// hungUp reports whether err is that of a Read from a peer that has closed.
func hungUp(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, &op) && op.Op == "read" && !op.Timeout() && !errors.Is(err, net.ErrClosed)
}

// stream is a connection that carries packets as they are. It looks at the first
// bytes, which show what else the server may speak.
type stream struct {
	net.Conn
	secure bool
	read   bool // by the reader
}

var (
	errSpeaksHTTP = errors.New("the server answers CONNECT by HTTP: this port wants ws:// or wss://, if it speaks MQTT")
	errSpeaksTLS  = errors.New("the server answers CONNECT by TLS: this port wants mqtts://, or wss://")
)

// First bytes that no answer to CONNECT has.
const (
	tlsAlert  = 21
	httpFirst = 'H'
)

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if s.read {
		return n, err
	}
	s.read = n > 0 || err != nil
	switch {
	case n > 0 && b[0] == tlsAlert && !s.secure:
		return 0, errSpeaksTLS
	case n > 0 && b[0] == httpFirst:
		return 0, errSpeaksHTTP
	case n == 0 && hungUp(err) && !s.secure:
		return 0, fmt.Errorf("the server hangs up without an answer to CONNECT, is this port for MQTT without TLS? %w", err)
	}
	return n, err
}

// CloseWrite ends what is written, where the transport can.
func (s *stream) CloseWrite() error {
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
