package client

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// target is where a server is, and how to talk to it. It is not changed.
type target struct {
	// url has one of five schemes, a host with its port unless that is unix, and a
	// path if that is unix, ws or wss.
	url url.URL
}

// schemes are how a target may be written, and what it is then.
var schemes = map[string]string{
	"mqtt": "mqtt", "tcp": "mqtt",
	"mqtts": "mqtts", "ssl": "mqtts", "tls": "mqtts",
	"ws": "ws", "wss": "wss", "unix": "unix",
}

var defaultPorts = map[string]string{"mqtt": "1883", "mqtts": "8883", "ws": "80", "wss": "443"}

const (
	defaultPath = "/mqtt" // of a WebSocket

	wantAddress = "want mqtt:// or mqtts://host:port, ws:// or wss://host:port/path, unix:///path or host:port"
)

// parseAddresses reads a list separated by commas. Its errors name the address
// that is wrong, without what may be secret in it.
func parseAddresses(list string) ([]*target, error) {
	all := strings.Split(list, ",")
	for i, s := range all {
		all[i] = strings.TrimSpace(s)
		if !strings.Contains(all[i], "://") && strings.Contains(all[i], "@") { // first: what stands before may be half a password
			return nil, invalid("address %s: a user name stands behind mqtt:// or another scheme, and a comma in it, or in a password, is %%2C", safe(all[i]))
		}
	}
	var targets []*target
	for _, s := range all {
		t, err := parseAddress(s)
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	return targets, nil
}

func parseAddress(s string) (*target, error) {
	if s == "" {
		return nil, invalid("empty address: %s", wantAddress)
	}
	whole := s
	if !strings.Contains(s, "://") {
		whole = "mqtt://" + authority(s)
	}
	u, err := url.Parse(whole)
	if err != nil { // which may quote a password
		return nil, invalid("address %s: %s", safe(s), wantAddress)
	}
	scheme, ok := schemes[u.Scheme]
	if !ok {
		return nil, invalid("address %s: unknown scheme %q: %s", safe(s), u.Scheme, wantAddress)
	}
	t := &target{url.URL{Scheme: scheme, User: u.User, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}}
	switch tail := u.EscapedPath() + u.RawQuery; {
	case u.Fragment != "" || u.RawQuery != "" && !t.web():
		return nil, invalid("address %s: %s", safe(s), wantAddress)
	case scheme == "unix" && u.Host == "" && u.Path != "":
		return t, nil
	case scheme == "unix" || !plausible(u.Hostname()):
		return nil, invalid("address %s: %s", safe(s), wantAddress)
	case strings.Contains(tail, "@"): // with it, a password may be taken for a path
		return nil, invalid("address %s: a / or ? in a user name or password is %%2F or %%3F, and @ in a path %%40", safe(s))
	case !t.web() && strings.Trim(u.Path, "/") != "":
		return nil, invalid("address %s: only ws, wss and unix have a path: %s", safe(s), wantAddress)
	case !t.web():
		t.url.Path, t.url.RawPath = "", ""
	case u.Path == "":
		t.url.Path = defaultPath
	}
	port := cmp.Or(u.Port(), defaultPorts[scheme])
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, invalid("address %s: want a port from 1 to 65535", safe(s))
	}
	t.url.Host = net.JoinHostPort(u.Hostname(), port)
	return t, nil
}

// plausible is for the host in a URL, without brackets.
func plausible(host string) bool {
	if strings.Contains(host, ":") {
		ip, err := netip.ParseAddr(host)
		return err == nil && ip.Is6()
	}
	return host != "" && !strings.ContainsAny(host, " []")
}

// authority is host or host:port as it stands in a URL. IPv6 may lack its
// brackets if there is no port.
func authority(s string) string {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Is6() {
		s = "[" + s + "]"
	}
	return strings.ReplaceAll(s, "%", "%25") // of a zone
}

// safe is of an address that could not be read what is no secret, however it is
// meant: the scheme and the host.
func safe(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "", s
	} else if schemes[strings.ToLower(scheme)] != "" {
		scheme += "://"
	} else {
		scheme = "…"
	}
	rest = rest[strings.LastIndex(rest, "@")+1:]
	if i := strings.IndexAny(rest, ":/?#"); i >= 0 {
		rest = rest[:i] + "…"
	}
	return strconv.Quote(scheme + rest)
}

// String is the address without user name, password and query, good for a log.
func (t *target) String() string {
	if t.url.Scheme == "unix" {
		return "unix://" + t.url.Path
	}
	return t.url.Scheme + "://" + t.url.Host + t.url.EscapedPath()
}

// credentials are those in the address, empty for none.
func (t *target) credentials() (username, password string) {
	password, _ = t.url.User.Password()
	return t.url.User.Username(), password
}

// other are the servers that a Server Reference names, section 4.11, reached the
// same way.
func (t *target) other(reference string) ([]*target, error) {
	names := strings.Fields(reference)
	if len(names) == 0 || t.url.Scheme == "unix" {
		return nil, invalid("server reference %q from %v: want host or host:port, of servers that are reached by network", reference, t)
	}
	var targets []*target
	for _, name := range names {
		u, err := url.Parse(t.url.Scheme + "://" + authority(name))
		if err != nil || u.User != nil || u.Path+u.RawQuery+u.Fragment != "" {
			return nil, invalid("server reference %q from %v: want host or host:port", name, t)
		}
		o, err := parseAddress(u.String())
		if err != nil {
			return nil, fmt.Errorf("server reference from %v: %w", t, err)
		}
		o.url.User, o.url.Path, o.url.RawPath, o.url.RawQuery = t.url.User, t.url.Path, t.url.RawPath, t.url.RawQuery
		targets = append(targets, o)
	}
	return targets, nil
}

func (t *target) web() bool    { return t.url.Scheme == "ws" || t.url.Scheme == "wss" }
func (t *target) secure() bool { return t.url.Scheme == "mqtts" || t.url.Scheme == "wss" }
