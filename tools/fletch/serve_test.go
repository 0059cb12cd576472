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

// Nobody from another machine gets in unasked, and the message says what to do.
func TestServeToOthers(t *testing.T) {
	cert, key, _ := certificate(t)
	secure := []string{"--tls-cert", cert, "--tls-key", key}
	for _, args := range [][]string{
		{"--listen", "0.0.0.0:0"},
		{"--listen", "127.0.0.1:0", "--listen", "ws://:0"},
		append([]string{"--listen", "wss://0.0.0.0:0"}, secure...),
		append([]string{"--listen", "0.0.0.0:0", "--listen", "wss://127.0.0.1:0", "--tls-client-ca", cert}, secure...),
	} {
		r := run(t, append([]string{"serve"}, args...)...)
		for _, want := range []string{"is open to other machines", "passwd users.txt NAME", "--users users.txt", "--allow-anonymous"} {
			if r.status != 1 || r.out != "" || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, want) {
				t.Errorf("%q: %+v, want %q", args, r, want)
			}
		}
	}
	for _, args := range [][]string{
		{"0.0.0.0:0", "--allow-anonymous"},
		append([]string{"tls://0.0.0.0:0", "--tls-client-ca", cert}, secure...),
	} {
		serving(t, args[0], args[1:]...)
	}
}

// passwdFrom is fletch passwd with that on its standard input.
func passwdFrom(t *testing.T, in string, args ...string) result {
	t.Helper()
	cmd := fletch(t, append([]string{"passwd"}, args...)...)
	var out, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(in), &out, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{out.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// The users of a file get in with their passwords, and nobody else does.
func TestServeUsers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	for user, password := range map[string]string{"ann": "secret word\r\n", "bob": "hidden"} {
		if r := passwdFrom(t, password, file, user); r != (result{}) {
			t.Fatalf("passwd: %+v", r)
		}
	}
	if r := passwdFrom(t, "\n", file, "carl"); r.status != 1 || !strings.Contains(r.err, "expected a password") {
		t.Errorf("no password: %+v", r)
	}
	none := filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(none, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(t, "serve", "--users", none, "--listen", "nowhere"); !strings.Contains(r.err, "passwd "+none+" NAME") {
		t.Errorf("a file without users: %+v", r)
	}
	_, where, _ := serving(t, "0.0.0.0:0", "--users", file)
	_, anonymous, _ := serving(t, "127.0.0.1:0", "--users", file, "--allow-anonymous")
	for _, test := range []struct {
		where  string
		args   []string
		status int
	}{
		{where, []string{"-u", "ann", "-P", "secret word"}, 0},
		{where, []string{"-u", "bob", "-P", "hidden", "-V", "5"}, 0},
		{where, []string{"-u", "ann", "-P", "hidden"}, 4},
		{where, []string{"-u", "ann", "-P", "hidden", "-V", "5"}, 0x86},
		{where, []string{"-u", "carl", "-P", "hidden"}, 4},
		{where, []string{"-u", "ann"}, 4},
		{where, nil, 5},
		{where, []string{"-V", "5"}, 0x87},
		{anonymous, nil, 0},
		{anonymous, []string{"-u", "ann", "-P", "secret word"}, 0},
		{anonymous, []string{"-u", "ann", "-P", "hidden"}, 4},
	} {
		_, port, err := net.SplitHostPort(test.where)
		if err != nil {
			t.Fatal(err)
		}
		if r := run(t, append([]string{"pub", "-p", port, "-t", "a", "-m", "b"}, test.args...)...); r.status != test.status {
			t.Errorf("%q: %+v, want status %d", test.args, r, test.status)
		}
	}
}

func TestServeUsersMistakes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte("ann:secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{file: file + ":1: expected NAME:SCRAM-SHA-256$", file + "x": " passwd " + file + "x NAME"} {
		if r := run(t, "serve", "--users", name); r.status != 1 || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, want) {
			t.Errorf("%+v, want %q", r, want)
		}
	}
}
