package listener

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to come.
const patience = 10 * time.Second

// log is a log to look into.
type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *log) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func listen(t *testing.T, address string, o Options) net.Listener {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l, err := Listen(t.Context(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// dial connects to l without a word.
func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func accept(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	watchdog := time.AfterFunc(patience, func() { l.Close() })
	defer watchdog.Stop()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func send(t *testing.T, c io.Writer, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Error(err)
	}
}

// packet is a PUBLISH with that inside, as servers write nothing but packets.
func packet(body string) string {
	return string(binary.AppendUvarint([]byte{0x30}, uint64(len(body)))) + body
}

func want(t *testing.T, c io.Reader, s string) {
	t.Helper()
	b := make([]byte, len(s))
	if n, err := io.ReadFull(c, b); err != nil || string(b) != s {
		t.Fatalf("read %.200q, %v: want %.200q", b[:n], err, s)
	}
}

// gone: the other side closes, and has nothing more to say.
func gone(t *testing.T, c io.Reader) {
	t.Helper()
	b, err := io.ReadAll(c)
	if len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read %.200q, %v: want the end", b, err)
	}
}

// transport is a way to connect: both ends speak as streams.
type transport struct {
	name    string
	address string
	options Options
	client  func(*testing.T, net.Conn) net.Conn
}

func bare(_ *testing.T, c net.Conn) net.Conn { return c }

func throughProxy(t *testing.T, c net.Conn) net.Conn {
	send(t, c, "PROXY TCP4 192.0.2.1 192.0.2.2 4711 1883\r\n")
	return c
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func transports(t *testing.T) []transport {
	a := newAuthority(t)
	secure := Options{TLS: a.server(t, "localhost")}
	behind := secure
	behind.TrustedProxies = loopback
	return []transport{
		{"tcp", "tcp://127.0.0.1:0", Options{}, bare},
		{"proxy", "127.0.0.1:0", Options{TrustedProxies: loopback}, throughProxy},
		{"tls", "tls://127.0.0.1:0", secure, a.client},
		{"ws", "ws://127.0.0.1:0", Options{}, webSocketClient},
		{"wss", "wss://127.0.0.1:0", secure, func(t *testing.T, c net.Conn) net.Conn {
			return webSocketClient(t, a.client(t, c))
		}},
		{"proxy+wss", "wss://127.0.0.1:0", behind, func(t *testing.T, c net.Conn) net.Conn {
			return webSocketClient(t, a.client(t, throughProxy(t, c)))
		}},
		{"unix", "unix://" + filepath.Join(t.TempDir(), "s"), Options{}, bare},
	}
}

// each runs test with both ends of a connection.
func each(t *testing.T, test func(t *testing.T, tr transport, client, server net.Conn)) {
	for _, tr := range transports(t) {
		t.Run(tr.name, func(t *testing.T) {
			l := listen(t, tr.address, tr.options)
			client, server := connect(t, tr, l)
			test(t, tr, client, server)
		})
	}
}

func connect(t *testing.T, tr transport, l net.Listener) (client, server net.Conn) {
	t.Helper()
	raw := dial(t, l)
	done := make(chan net.Conn)
	go func() { done <- tr.client(t, raw) }()
	server = accept(t, l)
	return <-done, server
}

func TestBothWays(t *testing.T) {
	each(t, func(t *testing.T, tr transport, client, server net.Conn) {
		long := strings.Repeat("0123456789abcdef", 10_000)
		go send(t, client, "a"+long)
		want(t, server, "a"+long)
		go send(t, server, packet(long))
		want(t, client, packet(long))
		if s := server.RemoteAddr().String(); strings.Contains(tr.name, "proxy") && s != "192.0.2.1:4711" {
			t.Errorf("remote address %s", s)
		}
		client.Close()
		gone(t, server)
	})
}

// A deadline set by another goroutine wakes a Read, which loses nothing.
func TestDeadlineWakes(t *testing.T) {
	each(t, func(t *testing.T, _ transport, client, server net.Conn) {
		failed := make(chan error)
		go func() {
			_, err := server.Read(make([]byte, 1))
			failed <- err
		}()
		server.SetReadDeadline(time.Unix(1, 0))
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read: %v", err)
		}
		server.SetDeadline(time.Now().Add(patience))
		send(t, client, "here")
		want(t, server, "here")
	})
}

// The last packet reaches the peer, though that has not read so far and goes on
// to send.
func TestCloseWrite(t *testing.T) {
	each(t, func(t *testing.T, _ transport, client, server net.Conn) {
		send(t, server, packet("farewell"))
		if err := server.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		send(t, client, "still here")
		want(t, server, "still here")
		want(t, client, packet("farewell"))
		gone(t, client)
		client.Close()
		gone(t, server)
		if _, err := server.Write([]byte("x")); err == nil {
			t.Error("Write behind CloseWrite: no error")
		}
	})
}

// A write that a deadline has cut off goes on where it was.
func TestWriteGoesOn(t *testing.T) {
	each(t, func(t *testing.T, tr transport, client, server net.Conn) {
		if strings.Contains(tr.name, "tls") || strings.Contains(tr.name, "wss") {
			return // crypto/tls ends a connection at the deadline of a Write
		}
		b := []byte(packet(strings.Repeat("0123456789abcde", 800_000)))
		server.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
		n, err := server.Write(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) || n == len(b) {
			t.Fatalf("%d bytes, %v", n, err)
		}
		server.SetWriteDeadline(time.Now().Add(patience))
		go func() {
			server.Write(b[n:])
			server.Close()
		}()
		got, _ := io.ReadAll(client)
		if !bytes.Equal(got, b) {
			t.Errorf("%d bytes came of %d, or others", len(got), len(b))
		}
	})
}

func TestCloseEndsAccept(t *testing.T) {
	for _, tr := range transports(t) {
		l := listen(t, tr.address, tr.options)
		dial(t, l) // not ready, but for tcp and unix
		if tr.name == "tcp" || tr.name == "unix" {
			accept(t, l)
		}
		failed := make(chan error)
		go func() {
			_, err := l.Accept()
			failed <- err
		}()
		l.Close()
		if err := <-failed; !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: Accept: %v", tr.name, err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: Accept again: %v", tr.name, err)
		}
	}
}

// steps runs test for the transports that take steps before Accept.
func steps(t *testing.T, test func(t *testing.T, tr transport)) {
	for _, tr := range transports(t) {
		if tr.name != "tcp" && tr.name != "unix" {
			t.Run(tr.name, func(t *testing.T) { test(t, tr) })
		}
	}
}

// Whoever does not become ready keeps nobody waiting, and ends with the listener.
func TestSlowHandshake(t *testing.T) {
	steps(t, func(t *testing.T, tr transport) {
		l := listen(t, tr.address, tr.options)
		silent, half := dial(t, l), dial(t, l)
		send(t, half, "P")
		connect(t, tr, l)
		l.Close()
		gone(t, silent)
		gone(t, half)
	})
}

func TestHandshakeTimeout(t *testing.T) {
	steps(t, func(t *testing.T, tr transport) {
		var out log
		tr.options.Logger, tr.options.HandshakeTimeout = out.logger(), 20*time.Millisecond
		l := listen(t, tr.address, tr.options)
		silent, half := dial(t, l), dial(t, l)
		send(t, half, "P")
		gone(t, silent)
		gone(t, half)
		if s := out.String(); strings.Count(s, "connection refused") != 2 || !strings.Contains(s, silent.LocalAddr().String()) {
			t.Errorf("log:\n%s", s)
		}
	})
}

// No more than MaximumHandshakes get ready at once; the others come later.
func TestMaximumHandshakes(t *testing.T) {
	const most, all = 2, 10
	var now atomic.Int32
	begun := make(chan int32, all)
	l := stepping(t, Options{MaximumHandshakes: most}, func(c net.Conn) (net.Conn, error) {
		begun <- now.Add(1)
		defer now.Add(-1)
		_, err := c.Read(make([]byte, 1))
		return c, err
	})
	var clients []net.Conn
	for range all {
		clients = append(clients, dial(t, l))
	}
	for range most { // none of them ends before its client has sent something
		<-begun
	}
	for _, c := range clients {
		send(t, c, "x")
		accept(t, l)
	}
	for range all - most {
		if n := <-begun; n > most {
			t.Errorf("%d at once, want %d", n, most)
		}
	}
}

// stepping is a listener that takes a step.
func stepping(t *testing.T, o Options, s step) net.Listener {
	t.Helper()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	l := prepare(raw, &o, []step{s})
	t.Cleanup(func() { l.Close() })
	return l
}

// A connection that ends, or is rubbish, is no error of Accept.
func TestRubbish(t *testing.T) {
	steps(t, func(t *testing.T, tr transport) {
		l := listen(t, tr.address, tr.options)
		for _, s := range []string{
			"", "\x00", strings.Repeat("\xff", 20_000), strings.Repeat("GET ", 5000), "\r\n\r\n", "GET /mqtt HTTP/1.1\r\n",
			"\x16\x03\x01\xff\xff" + strings.Repeat("x", 20_000), "PROXY " + strings.Repeat("x", 200),
			"\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff",
		} {
			c := dial(t, l)
			io.WriteString(c, s)
			c.(*net.TCPConn).CloseWrite()
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%.40q: not closed", s)
			}
		}
		connect(t, tr, l)
	})
}

// A panic in a step costs one connection.
func TestPanic(t *testing.T) {
	var out log
	l := stepping(t, Options{Logger: out.logger()}, func(net.Conn) (net.Conn, error) { panic("at the disco") })
	gone(t, dial(t, l))
	if !strings.Contains(out.String(), "at the disco") {
		t.Errorf("log:\n%s", &out)
	}
}
