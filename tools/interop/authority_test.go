package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Files in PEM: an authority, and who it has signed for.
var authority, serverCert, serverKey, clientCert, clientKey string

func writeCertificates(dir string) error {
	root := x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	var rootKey *ecdsa.PrivateKey
	for i, c := range []struct {
		template  *x509.Certificate
		name      string
		cert, key *string
	}{
		{&root, "authority", &authority, new(string)},
		{&x509.Certificate{
			DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}, "localhost", &serverCert, &serverKey},
		{&x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, "someone", &clientCert, &clientKey},
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		if i == 0 {
			rootKey = key
		}
		c.template.SerialNumber = big.NewInt(int64(i + 1))
		c.template.Subject = pkix.Name{CommonName: c.name}
		c.template.NotBefore, c.template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, c.template, &root, key.Public(), rootKey)
		if err != nil {
			return err
		}
		keyDER, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return err
		}
		*c.cert, *c.key = filepath.Join(dir, c.name+".pem"), filepath.Join(dir, c.name+".key")
		if err := writePEM(*c.cert, "CERTIFICATE", der); err != nil {
			return err
		}
		if err := writePEM(*c.key, "PRIVATE KEY", keyDER); err != nil {
			return err
		}
	}
	return nil
}

func writePEM(name, kind string, der []byte) error {
	return os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
