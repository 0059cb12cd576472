package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/broker/listener"
)

// patience is how long clients get to take in that the broker ends.
const patience = 10 * time.Second

type serve struct {
	Listen            []string   `default:"127.0.0.1:1883" sep:"none" placeholder:"ADDR" help:"Where to listen: host:port, tls://host:port, ws://host:port/path, wss://host:port/path or unix:///path. May be given more than once. 0.0.0.0:1883 is open to other machines: then it takes --users, or --allow-anonymous. Default: 127.0.0.1:1883, this machine only."`
	Users             string     `group:"Access" placeholder:"FILE" help:"Let in only these users, with their passwords. fletch passwd writes the file. Read again when it changes."`
	AllowAnonymous    bool       `group:"Access" help:"Let in everybody who gives no user name, from other machines too."`
	TLSCert           string     `group:"Access" name:"tls-cert" and:"tls" placeholder:"FILE" help:"Certificate for tls:// and wss://, in PEM, with those that chain it to its root. Read again when it changes."`
	TLSKey            string     `group:"Access" name:"tls-key" and:"tls" placeholder:"FILE" help:"Its key, in PEM."`
	TLSClientCA       string     `group:"Access" name:"tls-client-ca" placeholder:"FILE" help:"Let in by TLS only clients with a certificate that one of these has signed, in PEM."`
	ProxyProtocolFrom []network  `group:"Access" placeholder:"NET" help:"Demand a PROXY header, version 1 or 2, from these addresses, such as 192.0.2.0/24, and believe it."`
	Data              folder     `group:"Data" placeholder:"DIR" help:"Keep sessions, what waits for them, and retained messages in this folder, which is made if need be. Without it nothing outlives the process."`
	Repair            bool       `group:"Data" help:"Move what is damaged in --data aside, say what it held, and go on with the rest."`
	Durability        durability `group:"Data" placeholder:"LEVEL" help:"When a message counts as kept in --data, and is acknowledged: written, when the system has it, so that it outlives the process, or fsync, when the disk has it, so that it outlives a power failure. Default: written."`
	LogLevel          string     `default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" help:"What to log: debug, info, warn or error. Default: info. But for debug, lines about the same come 20 times a second at most, with the number of the others as unlogged."`

	settings
}

// Help stands below the first line of --help.
func (*serve) Help() string {
	return "TIME is as 500ms, 10s or 24h. A number, or a time, of 0 is the default. " +
		"The log names a limit that strikes by its key in broker.Config: limit=MaximumConnections is that of --maximum-connections."
}

// network is addresses that begin alike, or one address.
type network struct{ netip.Prefix }

// UnmarshalText is what kong reads a flag with.
func (n *network) UnmarshalText(text []byte) (err error) {
	if a, err := netip.ParseAddr(string(text)); err == nil {
		n.Prefix = netip.PrefixFrom(a, a.BitLen())
		return nil
	}
	if n.Prefix, err = netip.ParsePrefix(string(text)); err != nil {
		return fmt.Errorf("%s: expected addresses as 192.0.2.0/24, or one", text)
	}
	return nil
}

// Run serves until a signal comes.
func (s *serve) Run(w *world) (err error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return err
	}
	logger := slog.New(newCalm(slog.NewTextHandler(w.err, &slog.HandlerOptions{Level: level})))
	config, err := s.config(logger)
	if err != nil {
		return err
	}
	if s.Data == "" && (s.Repair || s.Durability != "") {
		return errors.New("--repair, --durability: expected --data as well")
	}
	if s.Data != "" {
		data, err := s.open(w, logger)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, data.Close()) }()
		config.Store = data
	}
	b, err := broker.New(config)
	if err != nil {
		return inFlags(suggestRepair(err))
	}
	listeners, err := s.listen(w.ctx, logger)
	if err != nil {
		return err
	}
	go tidy(w.ctx)
	fmt.Fprint(w.err, s.welcome(listeners))
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() {
			// Shutdown and not w.ctx ends it, so that no client comes in between.
			if err := b.Serve(context.Background(), l.Listener); !errors.Is(err, broker.ErrClosed) {
				ended <- fmt.Errorf("%v: cannot accept connections any more: %w", l.Addr(), err)
			}
		}()
	}
	select {
	case err = <-ended:
	case <-w.ctx.Done():
		logger.Info("shutting down; a second signal ends at once", "connections", b.Stats().Connections)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return errors.Join(err, b.Shutdown(ctx))
}

// config is who may connect.
func (s *serve) config(logger *slog.Logger) (broker.Config, error) {
	c := broker.Config{Logger: logger}
	s.apply(&c)
	c.AllowAnonymous = true // guard has a look at each listener
	if s.Users == "" {
		return c, nil
	}
	return c, s.knowUsers(&c)
}

// listening is a listener, and what it was asked for.
type listening struct {
	net.Listener
	address string
}

// listen opens all addresses, or none.
func (s *serve) listen(ctx context.Context, logger *slog.Logger) (listeners []listening, err error) {
	options := listener.Options{
		Logger: logger,
		TLS:    listener.TLS{CertFile: s.TLSCert, KeyFile: s.TLSKey, ClientCAFile: s.TLSClientCA},
	}
	for _, n := range s.ProxyProtocolFrom {
		options.TrustedProxies = append(options.TrustedProxies, n.Prefix)
	}
	if (s.TLSCert != "" || s.TLSClientCA != "") && !slices.ContainsFunc(s.Listen, encrypted) {
		return nil, errors.New("--tls-cert, --tls-key, --tls-client-ca: no --listen uses TLS: expected one with tls://host:port or wss://host:port/path")
	}
	for _, address := range s.Listen {
		l, err := s.listenOne(ctx, address, options)
		if err == nil {
			err = s.guard(l, address)
		}
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, err
		}
		listeners = append(listeners, listening{l, address})
	}
	return listeners, nil
}

func (s *serve) listenOne(ctx context.Context, address string, options listener.Options) (net.Listener, error) {
	if encrypted(address) && s.TLSCert == "" {
		return nil, fmt.Errorf("--listen %s: expected --tls-cert and --tls-key as well", address)
	}
	l, err := listener.Listen(ctx, address, options)
	if err != nil {
		return nil, fmt.Errorf("--listen %w", err)
	}
	return l, nil
}

func encrypted(address string) bool {
	scheme, _, _ := strings.Cut(address, "://")
	return scheme == "tls" || scheme == "mqtts" || scheme == "wss"
}

// plain reports whether clients need neither TLS nor WebSocket.
func (l listening) plain() bool {
	scheme, _, found := strings.Cut(l.address, "://")
	return !found || scheme == "tcp" || scheme == "mqtt" || scheme == "unix"
}

// String is where it listens, as people write it.
func (l listening) String() string {
	if l.plain() {
		return l.Addr().String()
	}
	u, err := url.Parse(l.address)
	if err != nil {
		return l.address
	}
	u.Host = l.Addr().String()
	if u.Path == "" && strings.HasPrefix(u.Scheme, "ws") {
		u.Path = listener.DefaultPath
	}
	return u.String()
}

// welcome says what to try next.
func (s *serve) welcome(listeners []listening) string {
	var b strings.Builder
	b.WriteString("fletch listens on")
	for _, l := range listeners {
		b.WriteString(" " + l.String())
	}
	b.WriteString("\n")
	switch {
	case s.Users != "" && s.AllowAnonymous:
		b.WriteString("The users in " + s.Users + " may connect, and everybody without a user name.\n")
	case s.Users != "":
		b.WriteString("Only the users in " + s.Users + " may connect.\n")
	case s.AllowAnonymous:
		b.WriteString("Everybody may connect, without a password.\n")
	case s.TLSClientCA != "":
		b.WriteString("Only who has a certificate may connect by TLS, and otherwise only this machine.\n")
	default:
		b.WriteString("Nobody is asked for a password, so only this machine may connect: --users and --allow-anonymous change that.\n")
	}
	if i := slices.IndexFunc(listeners, listening.plain); i >= 0 {
		where, self := flags(listeners[i].Addr()), self()
		if s.Users != "" {
			where += " -u NAME -P PASSWORD"
		}
		b.WriteString("\nTry it from two other terminals:\n")
		for _, clients := range [][2]string{{self + " sub", self + " pub"}, {"mosquitto_sub", "mosquitto_pub"}} {
			fmt.Fprintf(&b, "\n  %s%s -v -t 'hello/#'\n  %s%s -t hello/world -m hi\n", clients[0], where, clients[1], where)
		}
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
