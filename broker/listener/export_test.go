package listener

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"testing"
)

// Broker imports this package: tests with a broker stand outside of it, and reach
// in here.
var (
	Send = send
	Want = want
)

// EachListener gives test a listener of each kind, and a connection to it.
func EachListener(t *testing.T, test func(name string, l net.Listener, dial func() net.Conn)) {
	for _, tr := range transports(t) {
		l := listen(t, tr.address, tr.options)
		test(tr.name, l, func() net.Conn { return tr.client(t, dial(t, l)) })
	}
}

// ListenForCertificates listens at that address, and dials with the certificate of
// a client of that name, or with none for "".
func ListenForCertificates(t *testing.T, address string) (l net.Listener, dialAs func(name string) net.Conn) {
	a := newAuthority(t)
	files := a.server(t, "localhost")
	files.ClientCAFile, files.ClientCertOptional = a.file(t), true
	l = listen(t, address, Options{TLS: files})
	return l, func(name string) net.Conn {
		config := &tls.Config{RootCAs: a.pool, ServerName: "localhost"}
		if name != "" {
			config.Certificates = []tls.Certificate{a.certificateFor(t, x509.Certificate{Subject: pkix.Name{CommonName: name}})}
		}
		return tls.Client(dial(t, l), config)
	}
}
