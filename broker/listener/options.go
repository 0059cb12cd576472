package listener

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Options is how to listen. The zero value is a good one for all but tls:// and
// wss://, which need a certificate.
type Options struct {
	// Logger gets a line for each connection that does not become ready, and when
	// certificates change. Nil is [slog.Default].
	Logger *slog.Logger

	// HandshakeTimeout is how long a connection may take until it is ready: PROXY
	// header, TLS and WebSocket together. Default 10 s.
	HandshakeTimeout time.Duration

	// MaximumHandshakes is how many connections may be getting ready at once.
	// Others wait in the system's queue, HandshakeTimeout at most. Default 1024.
	MaximumHandshakes int

	// KeepAlive is how long a TCP peer may be silent before the system asks
	// whether it is still there. After 4 questions without an answer, 15 s apart,
	// the connection fails. Default 60 s, negative for never.
	KeepAlive time.Duration

	// Delay lets TCP hold back small packets to send them together (Nagle's
	// algorithm). Without it, TCP_NODELAY is on.
	Delay bool

	// UnixMode is the permissions of a unix socket; connecting takes that to
	// write. They are set just after the socket is there. Default: what the umask
	// of the process leaves.
	UnixMode uint32

	// TrustedProxies are the addresses from which a PROXY header, version 1 or 2,
	// is believed, and demanded: a connection without one is closed. From other
	// addresses it is not looked for, so that it is no MQTT and no TLS and ends
	// the connection. Unix sockets have no addresses, and so no trusted ones.
	TrustedProxies []netip.Prefix

	// TLS is for tls:// and wss://.
	TLS TLS

	// Origins are the values of the Origin header that WebSocket clients may have,
	// as "https://example.com". Browsers send it to say which page is at work;
	// who sends none is not a browser and may connect. Default: any, as MQTT has
	// no cookies, and a page has to know a password.
	Origins []string
}

// TLS is the files for TLS, in PEM. They are read again when they change.
type TLS struct {
	CertFile string // certificate, and what chains it to its root
	KeyFile  string

	// ClientCAFile is who signs for clients. With it, clients need a certificate.
	// See Name of package origin.
	ClientCAFile string

	// ClientCertOptional accepts clients without a certificate, but none with a
	// wrong one.
	ClientCertOptional bool

	// MinVersion is tls.VersionTLS12 or tls.VersionTLS13. Default: the first.
	MinVersion uint16
}

const (
	defaultHandshakeTimeout  = 10 * time.Second
	defaultMaximumHandshakes = 1024
	defaultKeepAlive         = 60 * time.Second
	probeInterval            = 15 * time.Second
	probes                   = 4
)

// complete puts in defaults, and reports what cannot be.
func (o *Options) complete() error {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.HandshakeTimeout == 0 {
		o.HandshakeTimeout = defaultHandshakeTimeout
	}
	if o.MaximumHandshakes == 0 {
		o.MaximumHandshakes = defaultMaximumHandshakes
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = defaultKeepAlive
	}
	switch {
	case o.HandshakeTimeout < 0:
		return faultf(nil, "Options.HandshakeTimeout is %s: expected more than 0s, or 0 for %s", o.HandshakeTimeout, defaultHandshakeTimeout)
	case o.MaximumHandshakes < 0:
		return faultf(nil, "Options.MaximumHandshakes is %d: expected at least 1, or 0 for %d", o.MaximumHandshakes, defaultMaximumHandshakes)
	case o.UnixMode > 0o777:
		return faultf(nil, "Options.UnixMode is %#o: expected 0 to 0777", o.UnixMode)
	}
	return nil
}

// listen opens a socket of the network tcp or unix.
func (o *Options) listen(ctx context.Context, network, address string) (net.Listener, error) {
	config := net.ListenConfig{KeepAlive: -1, KeepAliveConfig: net.KeepAliveConfig{
		Enable: o.KeepAlive > 0, Idle: o.KeepAlive, Interval: probeInterval, Count: probes,
	}}
	return config.Listen(ctx, network, address)
}
