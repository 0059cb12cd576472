package client

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"strings"
)

const defaultPort = "1883"

// Dial connects to a server by TCP or a unix socket. The address is one of
//
//	mqtt://host:1883
//	host:1883
//	unix:///path/of/socket
//
// The port may be left out, and mqtt://name:password@host gives Username and
// Password where cfg does not. When ctx ends before the server has answered, so
// does Dial; later it has no effect. Errors are those of [New] and of
// [net.Dialer].
func Dial(ctx context.Context, address string, cfg Config) (*Client, error) {
	network, target, user, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	if user != nil {
		password, _ := user.Password()
		cfg.Username, cfg.Password = cmp.Or(cfg.Username, user.Username()), cmp.Or(cfg.Password, password)
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, target)
	if err != nil {
		return nil, failed(ErrNotSent, err)
	}
	return New(ctx, conn, cfg)
}

func parseAddress(address string) (network, target string, user *url.Userinfo, err error) {
	const want = "want mqtt://host:port, host:port or unix:///path"
	if !strings.Contains(address, "://") {
		if address == "" {
			return "", "", nil, invalid("empty address: %s", want)
		}
		return "tcp", withPort(address), nil, nil
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "", "", nil, failed(ErrInvalid, err)
	case u.Scheme == "mqtt" && u.Host != "" && strings.Trim(u.Path, "/") == "":
		return "tcp", withPort(u.Host), u.User, nil
	case u.Scheme == "unix" && u.Host == "" && u.Path != "":
		return "unix", u.Path, nil, nil
	}
	return "", "", nil, invalid("address %s: %s", u.Redacted(), want)
}

func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), defaultPort)
}
