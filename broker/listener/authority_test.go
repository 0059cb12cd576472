package listener

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority signs certificates for tests.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	a := &authority{pool: x509.NewCertPool()}
	a.certificate, a.key = a.sign(t, x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	a.pool.AddCert(a.certificate)
	return a
}

// sign makes a certificate, the first one signed by itself.
func (a *authority) sign(t *testing.T, template x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := &template, key
	if a.certificate != nil {
		parent, signer = a.certificate, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, key
}

// server gives the files of a certificate for a server of that name.
func (a *authority) server(t *testing.T, name string) TLS {
	t.Helper()
	dir := t.TempDir()
	files := TLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	a.write(t, files, name)
	return files
}

func (a *authority) write(t *testing.T, files TLS, name string) {
	t.Helper()
	c, key := a.sign(t, x509.Certificate{DNSNames: []string{name}})
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, files.CertFile, "CERTIFICATE", c.Raw)
	writePEM(t, files.KeyFile, "PRIVATE KEY", der)
}

func writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// file gives the file of the authority's own certificate.
func (a *authority) file(t *testing.T) string {
	name := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, name, "CERTIFICATE", a.certificate.Raw)
	return name
}

// client speaks TLS over c, with a server of the name localhost.
func (a *authority) client(t *testing.T, c net.Conn) net.Conn {
	secure := tls.Client(c, &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
	if err := secure.Handshake(); err != nil {
		t.Errorf("handshake: %v", err)
	}
	return secure
}

func (a *authority) certificateFor(t *testing.T, template x509.Certificate) tls.Certificate {
	t.Helper()
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	c, key := a.sign(t, template)
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
}
