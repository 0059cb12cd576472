package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// encryption is the flags of all clients for TLS, as mosquitto_pub and mosquitto_sub
// have them.
type encryption struct {
	CAFile   string `name:"cafile" placeholder:"FILE" help:"Use TLS. The certificates of the authorities to trust, in PEM. Default: those of the system, for mqtts and wss."`
	Cert     string `and:"pair" placeholder:"FILE" help:"Use TLS. The certificate of this client, in PEM."`
	Key      string `and:"pair" placeholder:"FILE" help:"Its key."`
	Insecure bool   `help:"Use TLS, and take a certificate that is for another host."`
}

func (f *encryption) used() bool { return *f != encryption{} }

// config is nil if no flag asks for it.
func (f *encryption) config() (*tls.Config, error) {
	if !f.used() {
		return nil, nil
	}
	cfg := new(tls.Config)
	if f.CAFile != "" {
		text, err := os.ReadFile(f.CAFile)
		if err != nil {
			return nil, fmt.Errorf("--cafile: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--cafile %s: expected certificates in PEM", f.CAFile)
		}
	}
	if f.Cert != "" {
		own, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("--cert, --key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{own}
	}
	if f.Insecure {
		cfg.InsecureSkipVerify, cfg.VerifyConnection = true, verifier(cfg.RootCAs)
	}
	return cfg, nil
}

// verifier is for a certificate of one of the roots, whatever name it has.
func verifier(roots *x509.CertPool) func(tls.ConnectionState) error {
	return func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return errors.New("no certificate")
		}
		between := x509.NewCertPool()
		for _, c := range s.PeerCertificates[1:] {
			between.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
		return err
	}
}
