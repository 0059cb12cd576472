package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate writes one for localhost, signed by itself, and its key.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile, pool = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), x509.NewCertPool()
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	pool.AppendCertsFromPEM(certPEM)
	for name, text := range map[string][]byte{certFile: certPEM, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, pool
}

// All that --listen takes is listened on, and the first line says where.
func TestServeTransports(t *testing.T) {
	cert, key, pool := certificate(t)
	_, line, _ := serving(
		t, "tls://127.0.0.1:0", "--listen", "ws://127.0.0.1:0", "--listen", "wss://127.0.0.1:0/broker", "--listen", "127.0.0.1:0",
		"--tls-cert", cert, "--tls-key", key, "--proxy-protocol-from", "127.0.0.0/8",
	)
	for where := range strings.FieldsSeq(line) {
		scheme, address, found := strings.Cut(where, "://")
		if !found {
			scheme, address = "tcp", where
		}
		address, path, _ := strings.Cut(address, "/")
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(c, "PROXY TCP4 192.0.2.1 192.0.2.2 4711 1883\r\n")
		if scheme == "tls" || scheme == "wss" {
			c = tls.Client(c, &tls.Config{RootCAs: pool, ServerName: "localhost"})
		}
		if scheme == "tls" || scheme == "tcp" {
			io.WriteString(c, "\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a")
			connack := make([]byte, 4)
			if _, err := io.ReadFull(c, connack); err != nil || string(connack) != "\x20\x02\x00\x00" {
				t.Errorf("%s: CONNACK % x, %v", where, connack, err)
			}
			continue
		}
		io.WriteString(c, "GET /"+path+" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
		if r, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || r.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("%s: %v, %v", where, r, err)
		}
	}
}
