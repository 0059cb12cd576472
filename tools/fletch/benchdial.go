package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/fletchmq/fletch/bench/load"
)

// dialer connects to --broker, with TLS where that or a flag of TLS asks for it.
func (b *bench) dialer() (func(context.Context) (net.Conn, error), error) {
	network, address, secure := "tcp", b.Broker, b.used()
	if u, err := url.Parse(b.Broker); strings.Contains(b.Broker, "://") {
		if err != nil || u.Scheme != "mqtt" && u.Scheme != "mqtts" || u.Path != "" || u.User != nil || u.Host == "" {
			return nil, fmt.Errorf("--broker %s: expected HOST:PORT, mqtt://HOST, mqtts://HOST or the path of a unix socket", b.Broker)
		}
		secure = secure || u.Scheme == "mqtts"
		port := "1883"
		if secure {
			port = "8883"
		}
		address = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
	}
	if strings.HasPrefix(address, "/") {
		network = "unix"
	} else if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("--broker %s: expected HOST:PORT, mqtt://HOST, mqtts://HOST or the path of a unix socket", b.Broker)
	}
	if !secure {
		return func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}, nil
	}
	cfg, err := b.encryption.config()
	return func(ctx context.Context) (net.Conn, error) {
		return (&tls.Dialer{Config: cfg}).DialContext(ctx, network, address)
	}, err
}

// explain says in words of its user what is wrong.
func (b *bench) explain(err error) error {
	var wrong *load.ConfigError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "Scenario":
		return fmt.Errorf("SCENARIO is %v: expected %s", wrong.Value, wrong.Expected)
	case errors.As(err, &wrong):
		return fmt.Errorf("--%s is %v: expected %s", strings.ToLower(wrong.Field), wrong.Value, wrong.Expected)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, os.ErrNotExist) && strings.HasPrefix(b.Broker, "/"):
		return fmt.Errorf("no broker at %s: start one with fletch serve, or name another with -b", b.Broker)
	}
	return fmt.Errorf("%s: %w", b.Broker, err)
}
