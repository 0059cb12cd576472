package listener

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// An error names the address, what is wrong, and what was expected, in one line.
func TestMistakes(t *testing.T) {
	used := listen(t, "127.0.0.1:0", Options{}).Addr().String()
	a, b := newAuthority(t).server(t, "localhost"), newAuthority(t).server(t, "localhost")
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "socket")
	listen(t, "unix://"+socket, Options{})
	for _, test := range []struct {
		address string
		options Options
		want    string
		is      error
	}{
		{"nowhere", Options{}, "expected host:port", nil},
		{"", Options{}, "expected host:port", nil},
		{"http://127.0.0.1:0", Options{}, "expected host:port", nil},
		{"tcp://127.0.0.1", Options{}, "expected host:port", nil},
		{"tcp://127.0.0.1:0/path", Options{}, "expected host:port", nil},
		{"tcp://127.0.0.1:70000", Options{}, "expected 0 to 65535", nil},
		{"ws://user@127.0.0.1:0", Options{}, "expected host:port", nil},
		{"ws://127.0.0.1:0/mqtt?a", Options{}, "expected host:port", nil},
		{"tcp://%%:0", Options{}, "expected host:port", nil},
		{"unix://relative", Options{}, "expected host:port", nil},
		{"tcp://192.0.2.1:1883", Options{}, "not an address of this machine", syscall.EADDRNOTAVAIL},
		{used, Options{}, "is in use", syscall.EADDRINUSE},
		{"tls://" + used, Options{TLS: a}, "is in use", syscall.EADDRINUSE},
		{"ws://" + used, Options{}, "is in use", syscall.EADDRINUSE},
		{"unix://" + socket, Options{}, "is in use", syscall.EADDRINUSE},
		{"unix://" + file, Options{}, "is a file, not a socket", fs.ErrExist},
		{"unix://" + dir + "/none/s", Options{}, "a directory that exists", fs.ErrNotExist},
		{"tls://127.0.0.1:0", Options{}, "expected the files of a certificate and its key", nil},
		{"wss://127.0.0.1:0", Options{TLS: TLS{CertFile: "x", KeyFile: "y"}}, "x does not exist", fs.ErrNotExist},
		{"tls://127.0.0.1:0", Options{TLS: TLS{CertFile: file, KeyFile: file}}, "expected PEM", nil},
		{"tls://127.0.0.1:0", Options{TLS: TLS{CertFile: a.CertFile, KeyFile: b.KeyFile}}, "belong together", nil},
		{"tls://127.0.0.1:0", Options{TLS: TLS{CertFile: a.CertFile, KeyFile: a.KeyFile, ClientCAFile: file}}, "certificates in PEM", nil},
		{"tls://127.0.0.1:0", Options{TLS: TLS{CertFile: a.CertFile, KeyFile: a.KeyFile, ClientCertOptional: true}}, "ClientCAFile as well", nil},
		{"tls://127.0.0.1:0", Options{TLS: TLS{CertFile: a.CertFile, KeyFile: a.KeyFile, MinVersion: 0x302}}, "expected TLS 1.2", nil},
		{"127.0.0.1:0", Options{HandshakeTimeout: -1}, "Options.HandshakeTimeout", nil},
		{"127.0.0.1:0", Options{MaximumHandshakes: -1}, "Options.MaximumHandshakes", nil},
		{"127.0.0.1:0", Options{UnixMode: 0o1000}, "Options.UnixMode", nil},
	} {
		l, err := Listen(t.Context(), test.address, test.options)
		if err == nil {
			l.Close()
			t.Errorf("%s: no error", test.address)
			continue
		}
		if s := err.Error(); !strings.HasPrefix(s, test.address) || !strings.Contains(s, test.want) || strings.Contains(s, "\n") {
			t.Errorf("%s: %q, want %q in it", test.address, s, test.want)
		}
		if test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: %v is not %v", test.address, err, test.is)
		}
	}
}

// Root may listen anywhere, so the system's error is made here.
func TestPermission(t *testing.T) {
	denied := &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EACCES)}
	if err := explain("127.0.0.1:80", denied); !strings.Contains(err.Error(), "127.0.0.1:80: not allowed to listen there") || !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}
