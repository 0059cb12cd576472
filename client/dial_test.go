package client

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fletchmq/fletch/packets"
)

// noProxy keeps the environment of the tests out.
func noProxy(*url.URL) (*url.URL, error) { return nil, nil }

// serve serves each connection until the test is over, and gives the address.
func serve(t *testing.T, network string, each func(conn net.Conn)) string {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-over })
	go func() {
		defer close(over)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				each(conn)
			}()
		}
	}()
	return l.Addr().String()
}

func echo(conn net.Conn) { io.Copy(conn, conn) }

// quiet never answers, until the other end closes.
func quiet(conn net.Conn) { io.Copy(io.Discard, conn) }

// saying answers the first bytes with that, and closes in order.
func saying(what string) func(net.Conn) {
	return func(conn net.Conn) {
		conn.Read(make([]byte, 4096))
		io.WriteString(conn, what)
		conn.(interface{ CloseWrite() error }).CloseWrite()
		quiet(conn)
	}
}

// certificates are those of a server at 127.0.0.1, alias mqtt.example, and who trusts them. The same
// are good for a client.
func certificates(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{{127, 0, 0, 1}}, DNSNames: []string{"mqtt.example"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(authority)
	own := []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
	return &tls.Config{Certificates: own, ClientCAs: pool}, &tls.Config{RootCAs: pool}
}

// encrypted serves TLS.
func encrypted(cfg *tls.Config, each func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		secure := tls.Server(conn, cfg)
		defer secure.Close()
		if secure.Handshake() == nil {
			each(secure)
		}
	}
}

func dialTarget(ctx context.Context, t *testing.T, address string, cfg Config) (io.ReadWriteCloser, error) {
	t.Helper()
	targets, err := parseAddresses(address)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Proxy == nil {
		cfg.Proxy = noProxy
	}
	return targets[0].dial(ctx, &cfg)
}

func mustDial(t *testing.T, address string, cfg Config) io.ReadWriteCloser {
	t.Helper()
	rw, err := dialTarget(t.Context(), t, address, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rw.Close() })
	return rw
}

// roundTrip sends much to a server that echoes it, closes one way, and expects all
// of it and the end.
func roundTrip(t *testing.T, rw io.ReadWriteCloser) {
	t.Helper()
	sent := make([]byte, 1<<20)
	rand.Read(sent)
	sent[0] = byte(packets.TypeConnack) << 4 // for some others an answer is not taken as MQTT
	done := make(chan error, 1)
	go func() {
		for n, rest := 1, sent; len(rest) > 0; n *= 3 {
			n = min(n, len(rest))
			if _, err := rw.Write(rest[:n]); err != nil {
				done <- err
				return
			}
			rest = rest[n:]
		}
		done <- rw.(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(rw)
	if e := <-done; err != nil || e != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes of %d, Read %v, Write %v", len(got), len(sent), err, e)
	}
}

// Each transport carries bytes both ways at once, and Close interrupts both.
func TestTransports(t *testing.T) {
	server, trust := certificates(t)
	for scheme, address := range map[string]string{
		"mqtt":  serve(t, "tcp", echo),
		"mqtts": serve(t, "tcp", encrypted(server, echo)),
		"ws":    serve(t, "tcp", webSocketServer(t, echoFrames)),
		"wss":   serve(t, "tcp", encrypted(server, webSocketServer(t, echoFrames))),
		"unix":  serve(t, "unix", echo),
	} {
		t.Run(scheme, func(t *testing.T) {
			roundTrip(t, mustDial(t, scheme+"://"+address, Config{TLS: trust}))
			rw := mustDial(t, scheme+"://"+address, Config{TLS: trust})
			done := make(chan error, 2)
			go func() {
				_, err := rw.Read(make([]byte, 1))
				done <- err
			}()
			go func() {
				var err error
				for err == nil { // what comes back is not read: it gets stuck
					_, err = rw.Write(make([]byte, maxFrame))
				}
				done <- err
			}()
			<-done // the byte
			rw.Close()
			<-done
			if _, err := rw.Read(make([]byte, 1)); err == nil {
				for err == nil { // what was there already
					_, err = rw.Read(make([]byte, maxFrame))
				}
			}
		})
	}
}

func TestClientCertificate(t *testing.T) {
	server, trust := certificates(t)
	server.ClientAuth, server.NextProtos = tls.RequireAndVerifyClientCert, []string{"mqtt"}
	address := "mqtts://" + serve(t, "tcp", encrypted(server, echo))
	rw := mustDial(t, address, Config{TLS: trust})
	if _, err := rw.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without a certificate: %v", err)
	}
	trust.Certificates, trust.NextProtos = server.Certificates, []string{"mqtt"}
	roundTrip(t, mustDial(t, address, Config{TLS: trust}))
	if trust.ServerName != "" {
		t.Error("the Config of the caller was changed")
	}
}

// Whoever dials the wrong port, or forgets something, is told what.
func TestErrorsOfANewUser(t *testing.T) {
	server, trust := certificates(t)
	plain := serve(t, "tcp", saying(""))
	secure := serve(t, "tcp", encrypted(server, echo))
	web := serve(t, "tcp", webSocketServer(t, echoFrames))
	alert := serve(t, "tcp", saying("\x15\x03\x01\x00\x02\x02\x46"))
	page := serve(t, "tcp", saying("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nno, really\r\n"))
	old := serve(t, "tcp", saying("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"))
	moved := serve(t, "tcp", saying("HTTP/1.1 301 Moved Permanently\r\nLocation: https://a/\r\n\r\n"))
	noProtocol := serve(t, "tcp", refusingProtocol)
	const closed = "127.0.0.1:1" // a port that the system gives to nobody who does not name it
	for _, test := range []struct {
		name, address string
		tls           *tls.Config
		says          string
	}{
		{"nothing there", "mqtt://" + closed, nil, "connection refused"},
		{"no such socket", "unix:///nowhere/at/all", nil, "no such file"},
		{"TLS to a plain port", "mqtts://" + plain, trust, "TLS handshake: the server hangs up, is this port for TLS? "},
		{"TLS to an HTTP port", "wss://" + page, trust, "this port does not speak TLS: "},
		{"plain to a TLS port", "mqtt://" + secure, nil, "hangs up without an answer to CONNECT, is this port for MQTT without TLS? "},
		{"plain to a TLS port with an alert", "mqtt://" + alert, nil, "answers CONNECT by TLS: this port wants mqtts://"},
		{"MQTT to an HTTP port", "mqtt://" + page, nil, "answers CONNECT by HTTP: this port wants ws://"},
		{"MQTT to an HTTPS port", "mqtts://" + serve(t, "tcp", encrypted(server, saying("HTTP/1.1 400 Bad Request\r\n\r\n"))), trust, "by HTTP"},
		{"unknown authority", "mqtts://" + secure, nil, "signed by unknown authority: Config.TLS.RootCAs"},
		{"another name", "mqtts://" + secure, &tls.Config{RootCAs: trust.RootCAs, ServerName: "a.example"}, "a.example"},
		{"wrong path", "ws://" + web + "/x", nil, `the server answers /x with 404 Not Found: "MQTT is at /mqtt"`},
		{"a page", "ws://" + page, nil, `the server answers /mqtt with 400 Bad Request: "no, really"`},
		{"moved", "ws://" + moved, nil, `301 Moved Permanently, to "https://a/"`},
		{"WebSocket to an HTTPS port", "ws://" + old, nil, "no answer in HTTP/1.1, is this port for ws? "},
		{"WebSocket to an MQTT port", "ws://" + plain, nil, "WebSocket handshake: the server hangs up, is this port for ws? "},
		{"no subprotocol", "ws://" + noProtocol, nil, "the server does not agree to the subprotocol mqtt"}, // [MQTT-6.0.0-4] [MQTT3-6.0.0-4]
		{"not HTTP", "ws://" + serve(t, "tcp", saying("\x20\x02\x00\x00\r\n")), nil, "no answer in HTTP/1.1"},
		{"an endless head", "ws://" + serve(t, "tcp", endless), nil, "an HTTP answer of more than 16384 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks := goleak.IgnoreCurrent()
			c, err := Dial(t.Context(), test.address, Config{TLS: test.tls, Proxy: noProxy})
			if err == nil {
				c.Close()
			}
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want: %s", err, test.says)
			}
			goleak.VerifyNone(t, leaks)
		})
	}
}

// endless is an HTTP server that does not come to an end.
func endless(conn net.Conn) {
	conn.Read(make([]byte, 4096))
	_, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n")
	for err == nil {
		_, err = io.WriteString(conn, "A: a\r\n")
	}
}

// A server or proxy that does not answer keeps nobody longer than ctx, and the
// socket is closed.
func TestDialEndsWithContext(t *testing.T) {
	_, trust := certificates(t)
	for _, test := range []struct{ name, address, proxy string }{
		{"TLS", "mqtts://$", ""},
		{"WebSocket", "ws://$", ""},
		{"WebSocket and TLS", "wss://$", ""},
		{"HTTP proxy", "mqtt://server.example", "http://$"},
		{"HTTPS proxy", "mqtt://server.example", "https://$"},
		{"SOCKS proxy", "mqtt://server.example", "socks5://u:p@$"},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaks := goleak.IgnoreCurrent()
			accepted, over := make(chan struct{}), make(chan struct{})
			address := serve(t, "tcp", func(conn net.Conn) {
				conn.Read(make([]byte, 1)) // it has begun
				close(accepted)
				quiet(conn)
				close(over)
			})
			cfg := Config{TLS: trust, Proxy: noProxy}
			if test.proxy != "" {
				cfg.Proxy = proxyAt(strings.ReplaceAll(test.proxy, "$", address))
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			enough := errors.New("enough")
			go func() {
				<-accepted
				cancel(enough)
			}()
			_, err := dialTarget(ctx, t, strings.ReplaceAll(test.address, "$", address), cfg)
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "server.example") && test.proxy != "" {
				t.Errorf("got %v", err)
			}
			<-over
			goleak.VerifyNone(t, leaks, goleak.IgnoreAnyFunction("github.com/fletchmq/fletch/client.serve.func2"))
		})
	}
}

func TestDialer(t *testing.T) {
	var asked []string
	cfg := Config{Dialer: func(_ context.Context, network, address string) (net.Conn, error) {
		asked = append(asked, network+" "+address)
		return nil, http.ErrServerClosed
	}}
	for _, address := range []string{"mqtt://a", "wss://[::1]", "unix:///a"} {
		if _, err := dialTarget(t.Context(), t, address, cfg); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("got %v", err)
		}
	}
	if got := strings.Join(asked, ", "); got != "tcp a:1883, tcp [::1]:443, unix /a" {
		t.Error(got)
	}
}

// Addresses are tried in turn, and an error has what came of each.
func TestSeveralAddresses(t *testing.T) {
	connack := serve(t, "tcp", saying("\x20\x02\x00\x00"))
	c, err := Dial(t.Context(), "unix:///nowhere,mqtt://"+connack, Config{Proxy: noProxy})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	_, err = Dial(t.Context(), "unix:///nowhere,unix:///elsewhere", Config{})
	if !errors.Is(err, ErrNotSent) || !strings.Contains(err.Error(), "unix:///nowhere: ") || !strings.Contains(err.Error(), "unix:///elsewhere: ") {
		t.Errorf("got %v", err)
	}
}
