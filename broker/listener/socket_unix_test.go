//go:build unix

package listener

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Where nothing has to happen before, nothing is between broker and socket.
func TestTCPIsBare(t *testing.T) {
	for _, o := range []Options{{}, {Delay: true}, {KeepAlive: -1}, {TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}} {
		_, server := connect(t, transport{client: bare}, listen(t, "mqtt://localhost:0", o))
		tcp, ok := server.(*net.TCPConn)
		if !ok {
			t.Fatalf("%T", server)
		}
		if got := option(t, tcp, syscall.IPPROTO_TCP, syscall.TCP_NODELAY); (got == 0) != o.Delay {
			t.Errorf("%+v: TCP_NODELAY %d", o, got)
		}
		if got := option(t, tcp, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE); (got == 0) != (o.KeepAlive < 0) {
			t.Errorf("%+v: SO_KEEPALIVE %d", o, got)
		}
	}
}

func option(t *testing.T, c *net.TCPConn, level, name int) (value int) {
	raw, err := c.SyscallConn()
	if err == nil {
		raw.Control(func(fd uintptr) { value, err = syscall.GetsockoptInt(int(fd), level, name) })
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	l := listen(t, "unix://"+path, Options{UnixMode: 0o620})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o620 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	l.Close()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}
