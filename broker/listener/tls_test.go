package listener

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker/origin"
)

func TestVersionsOfTLS(t *testing.T) {
	a := newAuthority(t)
	for _, test := range []struct {
		least, spoken uint16
		ok            bool
	}{
		{0, tls.VersionTLS11, false},
		{0, tls.VersionTLS12, true},
		{0, tls.VersionTLS13, true},
		{tls.VersionTLS13, tls.VersionTLS12, false},
		{tls.VersionTLS13, tls.VersionTLS13, true},
	} {
		files := a.server(t, "localhost")
		files.MinVersion = test.least
		l := listen(t, "tls://127.0.0.1:0", Options{TLS: files})
		c := tls.Client(dial(t, l), &tls.Config{RootCAs: a.pool, ServerName: "localhost", MinVersion: test.spoken, MaxVersion: test.spoken})
		if err := c.Handshake(); (err == nil) != test.ok {
			t.Errorf("at least %s, client %s: %v", tls.VersionName(test.least), tls.VersionName(test.spoken), err)
		}
	}
}

func TestClientCertificates(t *testing.T) {
	servers, clients := newAuthority(t), newAuthority(t)
	uri, err := url.Parse("urn:device:7")
	if err != nil {
		t.Fatal(err)
	}
	named := clients.certificateFor(t, x509.Certificate{Subject: pkix.Name{CommonName: "device 7"}, DNSNames: []string{"seven.example"}})
	for _, test := range []struct {
		what     string
		optional bool
		client   []tls.Certificate
		ok       bool
		name     string
	}{
		{"none", false, nil, false, ""},
		{"of another", false, []tls.Certificate{servers.certificateFor(t, x509.Certificate{Subject: pkix.Name{CommonName: "x"}})}, false, ""},
		{"common name", false, []tls.Certificate{named}, true, "device 7"},
		{"dns", false, []tls.Certificate{clients.certificateFor(t, x509.Certificate{DNSNames: []string{"seven.example"}})}, true, "seven.example"},
		{"mail", false, []tls.Certificate{clients.certificateFor(t, x509.Certificate{EmailAddresses: []string{"7@example"}})}, true, "7@example"},
		{"uri", false, []tls.Certificate{clients.certificateFor(t, x509.Certificate{URIs: []*url.URL{uri}})}, true, "urn:device:7"},
		{"ip", false, []tls.Certificate{clients.certificateFor(t, x509.Certificate{IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7)}})}, true, "192.0.2.7"},
		{"none, optional", true, nil, true, ""},
		{"optional", true, []tls.Certificate{named}, true, "device 7"},
		{"of another, optional", true, []tls.Certificate{servers.certificateFor(t, x509.Certificate{})}, false, ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			files := servers.server(t, "localhost")
			files.ClientCAFile, files.ClientCertOptional = clients.file(t), test.optional
			l := listen(t, "wss://127.0.0.1:0", Options{TLS: files})
			c := tls.Client(dial(t, l), &tls.Config{
				RootCAs: servers.pool, ServerName: "localhost",
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if test.client == nil {
						return &tls.Certificate{}, nil
					}
					return &test.client[0], nil
				},
			})
			c.Write([]byte(request("/mqtt", "mqtt")))
			if !test.ok {
				if _, err := c.Read(make([]byte, 1)); err == nil {
					t.Error("accepted")
				}
				return
			}
			name, ok := origin.Name(accept(t, l))
			if name != test.name || ok != (name != "") {
				t.Errorf("origin.Name %q, %v", name, ok)
			}
		})
	}
}

func TestPeerWithoutTLS(t *testing.T) {
	l := listen(t, "ws://127.0.0.1:0", Options{})
	_, server := connect(t, transport{client: webSocketClient}, l)
	if name, ok := origin.Name(server); ok {
		t.Errorf("origin.Name %q", name)
	}
}

// Changed files are seen, all together; a mistake in them keeps the former ones,
// and is said once.
func TestReload(t *testing.T) {
	var out log
	a := newAuthority(t)
	o := Options{TLS: a.server(t, "one"), Logger: out.logger()}
	m, err := newMaterial(&o)
	if err != nil {
		t.Fatal(err)
	}
	serves := func(name string) {
		t.Helper()
		leaf, err := x509.ParseCertificate(m.config().Certificates[0].Certificate[0])
		if err != nil || leaf.DNSNames[0] != name {
			t.Errorf("serves %v, %v: want %s", leaf.DNSNames, err, name)
		}
	}
	later := time.Now()
	touch := func() {
		later = later.Add(time.Minute)
		for _, name := range []string{o.TLS.CertFile, o.TLS.KeyFile} {
			if err := os.Chtimes(name, later, later); err != nil {
				t.Fatal(err)
			}
		}
	}
	a.write(t, o.TLS, "two")
	touch()
	serves("one") // not looked at so soon
	m.interval = 0
	serves("two")

	writePEM(t, o.TLS.CertFile, "CERTIFICATE", []byte("rubbish"))
	touch()
	serves("two")
	serves("two")
	os.Remove(o.TLS.CertFile)
	serves("two")
	serves("two")
	if s := out.String(); strings.Count(s, "cannot be used") != 2 || strings.Count(s, "does not exist") != 1 {
		t.Errorf("log:\n%s", s)
	}
	a.write(t, o.TLS, "three")
	touch()
	serves("three")
}

// Who has connected before is served anew as well: what stands in a ticket of
// the session is not the certificate of the server.
func TestReloadOnTheWire(t *testing.T) {
	a := newAuthority(t)
	files := a.server(t, "localhost")
	l := listen(t, "tls://127.0.0.1:0", Options{TLS: files})
	config := &tls.Config{RootCAs: a.pool, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	for _, resumed := range []bool{false, true} {
		c := tls.Client(dial(t, l), config)
		go func() {
			server, err := l.Accept()
			if err == nil {
				server.Write([]byte("x"))
				server.Close()
			}
		}()
		want(t, c, "x")
		if c.ConnectionState().DidResume != resumed {
			t.Errorf("resumed: want %v", resumed)
		}
		c.Close()
	}
}
