package interop

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// broker is a running broker to be tried.
type broker struct {
	port   string            // on 127.0.0.1, without TLS
	tls    string            // the same, with TLS
	socket string            // path of a unix socket
	flags  []string          // where it is, for the clients of Mosquitto
	urls   map[string]string // of mqtt and mqtts, and of ws and wss if it is Fletch
}

// brokers runs a test against Fletch, and against Mosquitto to see that what it
// expects is not only so here.
func brokers(t *testing.T, test func(t *testing.T, b broker)) {
	t.Parallel()
	t.Run("broker=fletch", func(t *testing.T) {
		t.Parallel()
		test(t, startFletch(t))
	})
	t.Run("broker=mosquitto", func(t *testing.T) {
		t.Parallel()
		test(t, startMosquitto(t, "allow_anonymous true"))
	})
}

// transports is brokers for a client that is given the URL of one, over each
// transport. Mosquitto's WebSockets are left out: after one that was cut, 2.0.11
// answers no other.
func transports(t *testing.T, test func(t *testing.T, url string)) {
	for _, scheme := range []string{"mqtt", "mqtts"} {
		t.Run("over="+scheme, func(t *testing.T) {
			brokers(t, func(t *testing.T, b broker) { test(t, b.urls[scheme]) })
		})
	}
	for _, scheme := range []string{"ws", "wss"} {
		t.Run("over="+scheme, func(t *testing.T) {
			t.Parallel()
			test(t, startFletch(t).urls[scheme])
		})
	}
}

// startFletch fails the test if Fletch has anything to warn of: what these clients
// do is what clients do.
func startFletch(t *testing.T, args ...string) broker {
	t.Helper()
	reads(t, "../fletch")
	b := broker{socket: filepath.Join(t.TempDir(), "socket"), urls: map[string]string{}}
	args = append([]string{
		"serve", "--log-level", "warn", "--tls-cert", serverCert, "--tls-key", serverKey, "--listen", "127.0.0.1:0",
		"--listen", "tls://127.0.0.1:0", "--listen", "ws://127.0.0.1:0", "--listen", "wss://127.0.0.1:0", "--listen", "unix://" + b.socket,
	}, args...)
	p := start(t, fletch, args...)
	t.Cleanup(func() {
		p.kill()
		p.out.SetReadDeadline(time.Now().Add(patience))
		for _, line := range p.data("time=") {
			t.Errorf("fletch serve logs: %s", line)
		}
	})
	addresses := strings.Fields(strings.TrimPrefix(p.until(t, "fletch listens on "), "fletch listens on "))
	if len(addresses) != 5 {
		t.Fatalf("fletch serve listens on %q", addresses)
	}
	b.urls["mqtt"], b.urls["ws"], b.urls["wss"] = "mqtt://"+addresses[0], addresses[2], addresses[3]
	b.urls["mqtts"] = strings.Replace(addresses[1], "tls://", "mqtts://", 1)
	b.port, b.tls = portOf(t, b.urls["mqtt"]), portOf(t, b.urls["mqtts"])
	b.flags = []string{"-p", b.port}
	return b
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// startMosquitto runs it with config, which may say more of TLS.
func startMosquitto(t *testing.T, config ...string) broker {
	t.Helper()
	program := need(t, "mosquitto")
	b := broker{socket: filepath.Join(t.TempDir(), "socket"), urls: map[string]string{}}
	b.port, b.tls = freePort(t), freePort(t)
	b.flags = []string{"-p", b.port}
	b.urls["mqtt"], b.urls["mqtts"] = "mqtt://127.0.0.1:"+b.port, "mqtts://127.0.0.1:"+b.tls
	text := fmt.Sprintf("user root\nlistener 0 %s\nlistener %s 127.0.0.1\nlistener %s 127.0.0.1\ncafile %s\ncertfile %s\nkeyfile %s\n",
		b.socket, b.port, b.tls, authority, serverCert, serverKey) // any other user could not open the socket here, nor read the keys
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, []byte(text+strings.Join(config, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, program, "-c", file).until(t, "mosquitto version", "running")
	return b
}

// lastPort is the last that freePort has given, or tried.
var lastPort atomic.Uint32

func init() { lastPort.Store(uint32(os.Getpid())) }

// freePort is one that nobody has: Mosquitto cannot be told to choose. It is below
// those that the system gives to whoever does not name one, so that no connection
// of another test takes it before Mosquitto does. The same number of UDP is held, for
// other processes of these tests to see.
func freePort(t *testing.T) string {
	t.Helper()
	const first, ports = 20_000, 10_000
	for range ports {
		port := fmt.Sprint(first + lastPort.Add(1)%ports)
		claim, err := net.ListenPacket("udp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		t.Cleanup(func() { claim.Close() })
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}
