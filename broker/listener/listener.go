package listener

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const expected = "expected host:port, tcp://host:port, tls://host:port, ws://host:port/path, wss://host:port/path or unix:///path"

// DefaultPath is where WebSocket clients look for MQTT, unless Listen is told
// another path.
const DefaultPath = "/mqtt"

// Listen listens at address, which is one of
//
//	host:port, tcp://host:port, mqtt://host:port
//	tls://host:port, mqtts://host:port
//	ws://host:port/path, wss://host:port/path
//	unix:///path
//
// Without a host it is all addresses of this machine; port 0 is any that is free.
// Without a path for WebSocket it is [DefaultPath]. A unix socket that a dead
// process has left is removed.
//
// The error names the address, what is wrong, and what was expected. It wraps
// that of the system. The end of ctx ends the search for the name of the host,
// not the listener.
func Listen(ctx context.Context, address string, options Options) (net.Listener, error) {
	if err := options.complete(); err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	where, err := parse(address)
	if err != nil {
		return nil, err
	}
	var l net.Listener
	switch where.Scheme {
	case "unix":
		return listenUnix(ctx, address, where.Path, &options)
	case "tcp":
		l, err = listenTCP(ctx, where, &options)
	case "tls":
		l, err = listenTLS(ctx, where, &options)
	case "ws":
		l, err = listenWebSocket(ctx, where, &options)
	case "wss":
		l, err = listenWebSocketTLS(ctx, where, &options)
	}
	if err != nil {
		return nil, explain(address, err)
	}
	return l, nil
}

// parse gives a URL with one name for each scheme, and with a path if that
// matters.
func parse(address string) (*url.URL, error) {
	raw := address
	if !strings.Contains(address, "://") {
		raw = "tcp://" + address
	}
	wrong := func(cause error) error { return faultf(cause, "%s: %s", address, expected) }
	u, err := url.Parse(raw)
	if err != nil {
		return nil, wrong(err)
	}
	switch u.Scheme {
	case "unix":
		if u.Host != "" || !filepath.IsAbs(u.Path) {
			return nil, wrong(nil)
		}
		return u, nil
	case "mqtt":
		u.Scheme = "tcp"
	case "mqtts":
		u.Scheme = "tls"
	case "tcp", "tls", "ws", "wss":
	default:
		return nil, wrong(nil)
	}
	if n, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || n > 65535) {
		return nil, faultf(err, "%s: port %s: expected 0 to 65535", address, u.Port())
	}
	webSocket := strings.HasPrefix(u.Scheme, "ws")
	switch {
	case u.Port() == "", u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, wrong(nil)
	case webSocket && strings.Trim(u.Path, "/") == "":
		u.Path = DefaultPath
	case !webSocket && u.Path != "":
		return nil, wrong(nil)
	}
	return u, nil
}

// fault is what is wrong, in words for who configures. Its cause, which it need
// not repeat, is for [errors.Is].
type fault struct {
	text  string
	cause error
}

func (f *fault) Error() string { return f.text }
func (f *fault) Unwrap() error { return f.cause }

func faultf(cause error, format string, args ...any) error {
	return &fault{fmt.Sprintf(format, args...), cause}
}

// explain says of an error of the system what to do.
func explain(address string, err error) error {
	var name *net.DNSError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return faultf(err, "%s is in use: stop the program that listens there, or choose another address", address)
	case errors.Is(err, fs.ErrPermission) && errors.As(err, new(*net.OpError)):
		return faultf(err, "%s: not allowed to listen there: choose another address, or run with the permission", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return faultf(err, "%s: not an address of this machine: expected one of its own, or 0.0.0.0 for all", address)
	case errors.As(err, &name):
		return faultf(err, "%s: cannot look up %s: %s: expected an address, or a name that this machine knows", address, name.Name, name.Err)
	}
	return fmt.Errorf("%s: %w", address, err)
}
