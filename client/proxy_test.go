package client

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func proxyAt(address string) func(*url.URL) (*url.URL, error) {
	return func(*url.URL) (*url.URL, error) { return url.Parse(address) }
}

// between carries bytes both ways until both have ended.
func between(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		io.Copy(a, b)
		a.(interface{ CloseWrite() error }).CloseWrite()
		close(done)
	}()
	io.Copy(b, a)
	b.(interface{ CloseWrite() error }).CloseWrite()
	<-done
}

// connectProxy is an HTTP proxy for CONNECT that knows one user, and one server
// by the name server.example.
func connectProxy(server string) func(net.Conn) {
	return func(conn net.Conn) {
		in := bufio.NewReader(conn)
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		const no = "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s"
		switch {
		case r.Header.Get("Proxy-Authorization") != "Basic dTpw": // u:p
			fmt.Fprintf(conn, no, "407 Proxy Authentication Required", 0, "")
		case r.Method != "CONNECT" || r.Host != "server.example:1234" || r.RequestURI != r.Host:
			fmt.Fprintf(conn, no, "403 Forbidden", 14, "not this port\n")
		default:
			behind, err := net.Dial("tcp", server)
			if err != nil {
				return
			}
			defer behind.Close()
			io.WriteString(conn, "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
			between(behind, conn)
		}
	}
}

// socksProxy is the same by SOCKS version 5, RFC 1928 and RFC 1929.
func socksProxy(server string) func(net.Conn) {
	return func(conn net.Conn) {
		expect := func(want string) bool {
			got := make([]byte, len(want))
			io.ReadFull(conn, got)
			return string(got) == want
		}
		if !expect("\x05\x02") || !expect("\x00\x02") { // with or without a user
			io.WriteString(conn, "\x05\xff")
			return
		}
		io.WriteString(conn, "\x05\x02")
		if !expect("\x01\x01u\x01p") {
			io.WriteString(conn, "\x01\x01")
			return
		}
		io.WriteString(conn, "\x01\x00")
		if !expect("\x05\x01\x00\x03\x0eserver.example\x04\xd2") {
			io.WriteString(conn, "\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00")
			return
		}
		behind, err := net.Dial("tcp", server)
		if err != nil {
			return
		}
		defer behind.Close()
		io.WriteString(conn, "\x05\x00\x00\x01\x7f\x00\x00\x01\x04\xd2")
		between(behind, conn)
	}
}

func TestProxies(t *testing.T) {
	server, trust := certificates(t)
	plain := serve(t, "tcp", echo)
	web := serve(t, "tcp", encrypted(server, webSocketServer(t, echoFrames)))
	trust.ServerName, trust.NextProtos = "mqtt.example", []string{"mqtt"}
	forProxy := server.Clone()
	forProxy.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName != "" || len(hello.SupportedProtos) > 0 {
			t.Errorf("the proxy is told %q %q, which is for the server", hello.ServerName, hello.SupportedProtos)
		}
		return nil, nil
	}
	for name, proxy := range map[string]func(server string) string{
		"http":  func(server string) string { return "http://u:p@" + serve(t, "tcp", connectProxy(server)) },
		"https": func(s string) string { return "https://u:p@" + serve(t, "tcp", encrypted(forProxy, connectProxy(s))) },
		"socks": func(server string) string { return "socks5h://u:p@" + serve(t, "tcp", socksProxy(server)) },
	} {
		t.Run(name, func(t *testing.T) {
			roundTrip(t, mustDial(t, "mqtt://server.example:1234", Config{TLS: trust, Proxy: proxyAt(proxy(plain))}))
			roundTrip(t, mustDial(t, "wss://server.example:1234", Config{TLS: trust, Proxy: proxyAt(proxy(web))}))
		})
	}
}

func TestProxyRefuses(t *testing.T) {
	http := serve(t, "tcp", connectProxy(""))
	socks := serve(t, "tcp", socksProxy(""))
	for _, test := range []struct{ proxy, address, says string }{
		{"http://" + http, "mqtt://server.example:1234", "mqtt://server.example:1234: proxy http://" + http + ": CONNECT server.example:1234 is refused with 407 Proxy Authentication Required"},
		{"http://u:secret@" + http, "mqtt://server.example:1234", "407"},
		{"http://u:p@" + http, "ws://server.example:1", `403 Forbidden: "not this port"`},
		{"socks5://" + socks, "mqtt://server.example:1234", "proxy socks5://" + socks + ": socks connect"},
		{"socks5://u:secret@" + socks, "mqtt://server.example:1234", "username/password authentication failed"},
		{"socks5://u:p@" + socks, "mqtt://server.example:1", "not allowed"},
		{"http://u:secret@" + serve(t, "tcp", endless), "mqtt://a", "an HTTP answer of more than 16384 bytes"},
		{"http://" + serve(t, "tcp", saying("what?\r\n\r\n")), "mqtt://a", "malformed HTTP"},
		{"http://" + serve(t, "tcp", saying("")), "mqtt://a", "EOF"},
		{"https://u:secret@" + http, "mqtt://a", "TLS handshake: the server hangs up, is this port for TLS? "},
		{"ftp://u:secret@a", "mqtt://a", "invalid: ftp://a: want http, https, socks5 or socks5h://host:port"},
	} {
		_, err := dialTarget(t.Context(), t, test.address, Config{Proxy: proxyAt(test.proxy)})
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want: %s", test.proxy, err, test.says)
		}
	}
	_, err := dialTarget(t.Context(), t, "mqtt://a", Config{Proxy: func(a *url.URL) (*url.URL, error) { return nil, io.ErrNoProgress }})
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

// What a server says at once, behind the answer of the proxy, is not lost.
func TestProxyAnswerEndsWhereItEnds(t *testing.T) {
	address := serve(t, "tcp", saying("HTTP/1.1 200 OK\r\n\r\n\r\nserver"))
	rw := mustDial(t, "mqtt://a", Config{Proxy: proxyAt("http://" + address)})
	if got, err := io.ReadAll(rw); !bytes.Equal(got, []byte("\r\nserver")) || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Nothing of the user of the server is told, and a unix socket has no proxy.
func TestProxyIsAskedFor(t *testing.T) {
	var got string
	cfg := Config{Proxy: func(a *url.URL) (*url.URL, error) {
		got += a.String() + " "
		return nil, io.ErrNoProgress
	}}
	for _, address := range []string{"mqtt://u:p@a", "unix:///nowhere"} {
		dialTarget(t.Context(), t, address, cfg)
	}
	if got != "mqtt://a:1883 " {
		t.Error(got)
	}
}

func TestEnvironmentProxy(t *testing.T) {
	for _, name := range []string{"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "REQUEST_METHOD"} {
		t.Setenv(name, "")
		t.Setenv(strings.ToLower(name), "")
	}
	proxies := func() (all string) {
		for _, address := range []string{"mqtt://a", "mqtts://a", "ws://a", "wss://a", "mqtt://b", "mqtt://127.0.0.1", "ws://[::1]", "wss://localhost"} {
			targets, _ := parseAddresses(address)
			p, err := new(Config).proxyFor(targets[0])
			if err != nil {
				t.Error(err)
			}
			if p == nil {
				p = &url.URL{Host: "-"}
			}
			all += p.Host + " "
		}
		return strings.TrimSpace(all)
	}
	for _, test := range []struct{ name, value, want string }{
		{"ALL_PROXY", "socks5://all", "all all all all all - - -"},
		{"HTTP_PROXY", "http", "all all http all all - - -"},
		{"HTTPS_PROXY", "https://https", "all all http https all - - -"},
		{"NO_PROXY", "x,b:1883", "all all http https - - - -"},
		{"all_proxy", "http://small", "small small http https - - - -"},
	} {
		t.Setenv(test.name, test.value)
		if got := proxies(); got != test.want {
			t.Errorf("with %s: got %s, want %s", test.name, got, test.want)
		}
	}
}
