package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fletchmq/fletch/broker"
)

// patience is how long clients get to take in that the broker ends.
const patience = 10 * time.Second

type serve struct {
	Listen   []string   `default:"127.0.0.1:1883" sep:"none" placeholder:"ADDR" help:"Where to listen: host:port, or unix:///path. May be given more than once. 0.0.0.0:1883 is open to other machines, without any password. Default: 127.0.0.1:1883, this machine only."`
	LogLevel slog.Level `default:"info" placeholder:"LEVEL" help:"What to log: debug, info, warn or error. Default: info."`
}

// Run serves until a signal comes.
func (s *serve) Run(w *world) error {
	logger := slog.New(slog.NewTextHandler(w.err, &slog.HandlerOptions{Level: s.LogLevel}))
	b, err := broker.New(broker.Config{Logger: logger})
	if err != nil {
		return err
	}
	listeners, err := listen(s.Listen)
	if err != nil {
		return err
	}
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() {
			// Shutdown and not w.ctx ends it, so that no client comes in between.
			if err := b.Serve(context.Background(), l); !errors.Is(err, broker.ErrClosed) {
				ended <- fmt.Errorf("%v: cannot accept connections any more: %w", l.Addr(), err)
			}
		}()
	}
	fmt.Fprint(w.err, welcome(listeners))
	select {
	case err = <-ended:
	case <-w.ctx.Done():
		logger.Info("shutting down; a second signal ends at once")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return errors.Join(err, b.Shutdown(ctx))
}

// listen opens all addresses, or none.
func listen(addresses []string) (listeners []net.Listener, err error) {
	for _, address := range addresses {
		l, err := listenOne(address)
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, err
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func listenOne(address string) (net.Listener, error) {
	network := "tcp"
	path, unix := strings.CutPrefix(address, "unix://")
	switch {
	case unix && filepath.IsAbs(path):
		network = "unix"
		removeStale(path)
	case unix || strings.Contains(address, "://"):
		return nil, fmt.Errorf("--listen %s: expected host:port or unix:///path", address)
	default:
		path = address
	}
	l, err := net.Listen(network, path)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use: stop the program that listens there, or choose another address with --listen", address)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: not allowed to listen there: choose another address with --listen", address)
	case err != nil:
		return nil, fmt.Errorf("--listen %s: expected host:port or unix:///path: %w", address, err)
	}
	return l, nil
}

// removeStale removes the socket of a program that was killed.
func removeStale(path string) {
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
	} else if errors.Is(err, syscall.ECONNREFUSED) {
		os.Remove(path)
	}
}

// welcome says what to try next.
func welcome(listeners []net.Listener) string {
	var b strings.Builder
	b.WriteString("fletch listens on")
	for _, l := range listeners {
		b.WriteString(" " + l.Addr().String())
	}
	where := flags(listeners[0].Addr())
	b.WriteString("\n\nTry it from two other terminals:\n")
	self := self()
	for _, clients := range [][2]string{{self + " sub", self + " pub"}, {"mosquitto_sub", "mosquitto_pub"}} {
		fmt.Fprintf(&b, "\n  %s%s -v -t 'hello/#'\n  %s%s -t hello/world -m hi\n", clients[0], where, clients[1], where)
	}
	b.WriteString("\nCtrl-C ends it.\n\n")
	return b.String()
}

// self is how this program was called: by its path, by its name, or by go run,
// which has it in a folder that is gone with it.
func self() string {
	switch name := os.Args[0]; {
	case strings.Contains(name, string(filepath.Separator)+"go-build"):
		return "go run ./tools/fletch"
	case strings.ContainsRune(name, filepath.Separator):
		return name
	}
	return "fletch"
}

// flags are what a client on this machine needs to get to address.
func flags(address net.Addr) (s string) {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return " --unix " + address.String()
	}
	if !tcp.IP.IsLoopback() && !tcp.IP.IsUnspecified() {
		s += " -h " + tcp.IP.String()
	}
	if tcp.Port != 1883 {
		s += fmt.Sprint(" -p ", tcp.Port)
	}
	return s
}
