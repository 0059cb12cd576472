package servers

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/packets"
)

// patience bounds everything here that is expected to happen.
const patience = 40 * time.Second

// server is one that the client is tried with.
type server struct {
	name     string
	versions []packets.Version
	schemes  []string // transports
	start    func(t *testing.T, at *place) (stop func())
}

// place is where a server listens, and how. It forgets everything when it is started
// there once more.
type place struct {
	ports          map[string]string // by scheme
	socket         string
	users          bool   // only ann, whose password is secret, may connect
	receiveMaximum uint16 // the server's, or 0 for its default

	// ackWait is when nats-server sends again what is not acknowledged, on whatever
	// connection, and at QoS 2 as another message. 0 is its default, 30 s: longer than
	// a busy system makes an acknowledgement take.
	ackWait time.Duration
}

const (
	fletch    = "fletch"
	fletchToo = "fletch-goroutines"
	mosquitto = "mosquitto"
	nats      = "nats-server"
	mochi     = "mochi"
)

var every = []packets.Version{packets.V31, packets.V311, packets.V5}

var servers = []*server{
	{fletch, every, []string{"mqtt", "mqtts", "ws", "wss", "unix"}, startFletch(broker.EventLoops)},
	{fletchToo, every, []string{"mqtt", "mqtts", "ws", "wss", "unix"}, startFletch(broker.Goroutines)},
	{mosquitto, every, []string{"mqtt", "mqtts", "ws", "unix"}, startMosquitto},
	{nats, every[1:2], []string{"mqtt", "ws"}, startNATS},
	{mochi, every[1:], []string{"mqtt", "mqtts", "ws", "wss", "unix"}, startMochi},
}

// withMochi has mochi as well. Version 2.7.9 stops for good now and then: where the
// messages at QoS 1 and 2 that a client has not acknowledged are looked through for the
// next one to send, a lock for reading is taken twice, which waits for ever if someone
// wants to write in between.
var withMochi = flag.Bool("mochi", false, "try mochi too, which deadlocks at times")

// each runs a test with each server, in each of these versions that it speaks.
func each(t *testing.T, versions []packets.Version, test func(t *testing.T, s *server, v packets.Version)) {
	t.Parallel()
	for _, s := range servers {
		if s.name == mochi && !*withMochi {
			continue
		}
		for _, v := range s.versions {
			if slices.Contains(versions, v) {
				t.Run(fmt.Sprintf("server=%s_version=%v", s.name, v), func(t *testing.T) {
					t.Parallel()
					test(t, s, v)
				})
			}
		}
	}
}

// serve is where s runs until the end of the test.
func (s *server) serve(t *testing.T) *place {
	t.Helper()
	at := newPlace(t)
	s.serveAt(t, at)
	return at
}

func (s *server) serveAt(t *testing.T, at *place) (stop func()) {
	t.Helper()
	awaitForks()
	stop = sync.OnceFunc(s.start(t, at))
	t.Cleanup(stop)
	return stop
}

// awaitForks is for ports to be free that have been closed: a process that is being
// started has the sockets of this one for a moment.
func awaitForks() {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{ports: map[string]string{}, socket: filepath.Join(t.TempDir(), "socket")}
	for _, scheme := range []string{"mqtt", "mqtts", "ws", "wss"} {
		p.ports[scheme] = freePort(t)
	}
	return p
}

func (p *place) host(scheme string) string { return "127.0.0.1:" + p.ports[scheme] }

func (p *place) url(scheme string) string {
	if scheme == "unix" {
		return "unix://" + p.socket
	}
	return scheme + "://" + p.host(scheme)
}

// lastPort is the last that freePort has given, or tried.
var lastPort atomic.Uint32

func init() { lastPort.Store(uint32(os.Getpid())) }

// freePort is one that nobody has, and that stays so when a server is started anew: it
// is below those that the system gives to whoever does not name one. The same number
// of UDP is held, for other processes of these tests to see.
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

// awaitPort waits until somebody listens.
func awaitPort(t *testing.T, address string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		if nc, err := new(net.Dialer).DialContext(ctx, "tcp", address); err == nil {
			nc.Close()
			return
		}
		time.Sleep(time.Millisecond) // there is nothing to be told by
	}
	t.Fatalf("nobody listens on %s", address)
}
