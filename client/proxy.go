package client

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/net/proxy"
)

var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

// proxyFor is the proxy that leads to t, nil for none.
func (c *Config) proxyFor(t *target) (*url.URL, error) {
	choose := c.Proxy
	if choose == nil {
		choose = environmentProxy
	}
	address := t.url
	address.User = nil
	p, err := choose(&address)
	if p == nil || err != nil {
		return nil, err
	}
	if proxyPorts[p.Scheme] == "" || p.Hostname() == "" {
		return nil, fmt.Errorf("%w: %s://%s: want http, https, socks5 or socks5h://host:port", ErrInvalid, p.Scheme, p.Host)
	}
	return p, nil
}

// environmentProxy knows loopback addresses as those that no proxy leads to.
func environmentProxy(address *url.URL) (*url.URL, error) {
	env := httpproxy.FromEnvironment()
	all := cmp.Or(os.Getenv("all_proxy"), os.Getenv("ALL_PROXY"))
	asked := url.URL{Scheme: "https", Host: address.Host}
	switch address.Scheme {
	case "ws":
		asked.Scheme = "http"
		env.HTTPProxy = cmp.Or(env.HTTPProxy, all)
	case "wss":
		env.HTTPSProxy = cmp.Or(env.HTTPSProxy, all)
	default:
		env.HTTPSProxy = all
	}
	return env.ProxyFunc()(&asked)
}

func proxyAddress(p *url.URL) string {
	return net.JoinHostPort(p.Hostname(), cmp.Or(p.Port(), proxyPorts[p.Scheme]))
}

// throughProxy lets p, which conn leads to, connect to the server at address.
func throughProxy(ctx context.Context, conn net.Conn, p *url.URL, address string, cfg *tls.Config) (net.Conn, error) {
	err := within(ctx, conn, func() (err error) {
		if strings.HasPrefix(p.Scheme, "socks5") {
			return askSOCKS(conn, p.User, address)
		}
		if p.Scheme == "https" {
			if conn, err = encrypt(ctx, conn, forProxy(cfg), p.Hostname()); err != nil {
				return err
			}
		}
		return askCONNECT(conn, p.User, address)
	})
	return conn, err
}

// forProxy is cfg without what is between client and server.
func forProxy(cfg *tls.Config) *tls.Config {
	if cfg == nil {
		return nil
	}
	cfg = cfg.Clone()
	cfg.ServerName, cfg.NextProtos = "", nil
	return cfg
}

// dialled is a [proxy.ContextDialer] that has dialled already.
type dialled struct{ net.Conn }

func (d dialled) Dial(string, string) (net.Conn, error) { return d.Conn, nil }

func (d dialled) DialContext(context.Context, string, string) (net.Conn, error) { return d.Conn, nil }

// askSOCKS leaves the name of the server to the proxy to look up. What the proxy
// answers is read to its end and not beyond, RFC 1928 section 6.
func askSOCKS(conn net.Conn, user *url.Userinfo, address string) error {
	var auth *proxy.Auth
	if user != nil {
		password, _ := user.Password()
		auth = &proxy.Auth{User: user.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", conn.RemoteAddr().String(), auth, dialled{conn})
	if err == nil {
		_, err = d.Dial("tcp", address)
	}
	return err
}

// askCONNECT is RFC 9110 section 9.3.6.
func askCONNECT(conn net.Conn, user *url.Userinfo, address string) error {
	request := http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{"User-Agent": {""}}}
	if user != nil {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		request.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	if err := request.Write(conn); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(&byByte{conn, maxHead}), &request)
	if err != nil {
		return fmt.Errorf("answer to CONNECT %s: %w", address, err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("CONNECT %s is refused with %w", address, statusError(response))
	}
	return nil
}

// maxHead is how long an HTTP answer may be, in bytes.
const maxHead = 16 << 10

var errLongHead = fmt.Errorf("an HTTP answer of more than %d bytes", maxHead)

// byByte reads so that what stands behind an HTTP answer is not read with it.
type byByte struct {
	io.ReadWriter
	left int
}

func (b *byByte) Read(to []byte) (int, error) {
	if b.left == 0 {
		return 0, errLongHead
	}
	b.left--
	return b.ReadWriter.Read(to[:min(len(to), 1)])
}

// maxText is how many bytes of text in an HTTP answer are for an error.
const maxText = 200

// statusError is what an HTTP answer says, with its text if that is meant for
// people.
func statusError(r *http.Response) error {
	says := strings.TrimSpace(fmt.Sprint(r.StatusCode, " ", http.StatusText(r.StatusCode)))
	if location := r.Header.Get("Location"); location != "" {
		says = fmt.Sprintf("%s, to %.*q", says, maxText, location)
	}
	if r.ContentLength > 0 && strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		text, _ := io.ReadAll(io.LimitReader(r.Body, maxText))
		says = fmt.Sprintf("%s: %q", says, strings.TrimSpace(string(text)))
	}
	return errors.New(says)
}
