package interop

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// More connections than the process may have files open: accepting pauses and says
// so, who is there is served, and when there is room others are.
func TestOpenFilesLimit(t *testing.T) {
	for _, engine := range []string{"loops", "goroutines"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			const limit = 100
			p := start(t, "sh", "-c", `ulimit -n 100; exec "$0" "$@"`,
				fletch, "serve", "--engine", engine, "--listen", "127.0.0.1:0")
			address := strings.TrimPrefix(p.until(t, "fletch listens on "), "fletch listens on ")
			first := join(t, address)
			var burst []net.Conn
			for range 2 * limit {
				burst = append(burst, dial(t, address))
			}
			p.until(t, "accept failed", "too many open files")
			ping(t, first)
			for _, c := range burst {
				c.Close()
			}
			ping(t, join(t, address))
			ping(t, first)
		})
	}
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// join connects a client.
func join(t *testing.T, address string) net.Conn {
	t.Helper()
	c := dial(t, address)
	connect := &packets.Connect{Version: packets.V311, CleanStart: true}
	swap(t, c, connect, "\x20\x02\x00\x00")
	return c
}

func ping(t *testing.T, c net.Conn) {
	t.Helper()
	swap(t, c, &packets.Pingreq{}, "\xd0\x00")
}

// swap sends p and demands that answer.
func swap(t *testing.T, c net.Conn, p packets.Packet, want string) {
	t.Helper()
	if _, err := c.Write(p.AppendTo(nil, packets.V311)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("got %x, %v; want %x", got, err, want)
	}
}
