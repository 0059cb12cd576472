package servers

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// For TLS: what the server has, in files too, and what its clients trust.
var (
	certificate, privateKey string
	serverTLS, clientTLS    *tls.Config
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "servers")
	if err == nil {
		err = writeCertificate(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// writeCertificate uses the one for tests of HTTP, which is for 127.0.0.1.
func writeCertificate(dir string) error {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pair := s.TLS.Certificates[0]
	serverTLS = &tls.Config{Certificates: s.TLS.Certificates}
	clientTLS = &tls.Config{RootCAs: x509.NewCertPool()}
	clientTLS.RootCAs.AddCert(s.Certificate())
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return err
	}
	certificate, privateKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certificate: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		privateKey:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}
