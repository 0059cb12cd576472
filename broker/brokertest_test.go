package broker

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var versions = []packets.Version{packets.V31, packets.V311, packets.V5}

// log collects what a broker logs.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// world is a broker with fake time, and the peers of one test.
type world struct {
	*testing.T
	b      *Broker
	config Config
	log    *log
	piped  bool // peers are on the other end of a pipe
	conns  []net.Conn
}

// run runs f with a broker in a bubble of fake time, once for each engine, and once
// with a store.
func run(t *testing.T, config Config, f func(w *world)) {
	t.Helper()
	runInMemory(t, config, f)
	t.Run("stored", func(t *testing.T) {
		config.Engine, config.Loops, config.Store = EventLoops, 2, new(store.Memory)
		runOne(t, config, f)
	})
}

// runInMemory is run for what is another with a store: how much memory is taken, packet
// identifiers behind messages that were not sent, the order of acknowledgements and
// other packets, and what Shutdown ends.
func runInMemory(t *testing.T, config Config, f func(w *world)) {
	t.Helper()
	t.Run("loops", func(t *testing.T) {
		config.Engine, config.Loops = EventLoops, 2
		runOne(t, config, f)
	})
	t.Run("goroutines", func(t *testing.T) {
		config.Engine = Goroutines
		runOne(t, config, f)
	})
}

func runOne(t *testing.T, config Config, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, config)
		w.pipe()
		defer func() {
			if err := w.b.Shutdown(context.Background()); err != nil {
				t.Errorf("Shutdown: %v", err)
			}
			if w.b.journal != nil {
				w.forget()
				return
			}
			if n := w.b.subscriptions.Len() + w.b.shared.Len() + len(w.b.shares.groups); n != 0 || len(w.b.clients) != 0 {
				t.Errorf("%d subscriptions and %d clients are left", n, len(w.b.clients))
			}
			if n, subscribed := w.b.budget.Used(), w.b.subscribed.Load(); n != 0 || subscribed != 0 {
				t.Errorf("%d bytes and %d subscriptions are counted when nothing is left", n, subscribed)
			}
		}()
		f(w)
	})
}

// forget begins once more with what is stored, ends all sessions, and has a look at
// what is left in the store then.
func (w *world) forget() {
	w.Helper()
	kept := w.b.config.Store.(interface{ Restart() *store.Memory }).Restart()
	b, err := New(Config{Store: kept, SysInterval: -1, Logger: w.b.config.Logger})
	if err != nil {
		w.Fatal(err)
	}
	for s := range b.Sessions() {
		b.EndSession(s.ClientID)
	}
	if err := b.Shutdown(context.Background()); err != nil {
		w.Errorf("Shutdown: %v", err)
	}
	kept = kept.Restart()
	if err := kept.Scan(nil, func(key, value []byte) error {
		if key[0] != 'r' && key[0] != 'n' {
			w.Errorf("%q is left in the store: %x", key, value)
		}
		return nil
	}); err != nil {
		w.Error(err)
	}
	if n := b.budget.Used(); n != 0 {
		w.Errorf("%d bytes are counted when nothing is left", n)
	}
}

func newWorld(t *testing.T, config Config) *world {
	t.Helper()
	w := &world{T: t, log: new(log)}
	if config.Logger == nil {
		config.Logger = slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if config.SysInterval == 0 {
		config.SysInterval = -1 // most tests want no other messages, and some sleep for ages
	}
	w.config = config
	b, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	w.b = b
	return w
}

// pipe lets event loops serve pipes, in the place of sockets.
func (w *world) pipe() {
	if w.config.Engine == EventLoops {
		w.b.loops.poller, w.piped = newPool, true
	}
}

// peer is a client made of packets.
type peer struct {
	*world
	nc   net.Conn
	in   *frame.Reader
	dec  packets.FromServer
	v    packets.Version
	text string // Reason String of the last CONNACK, SUBACK or DISCONNECT
}

func (w *world) dial(v packets.Version) *peer {
	w.Helper()
	if w.piped {
		x := newPipe()
		if err := w.b.startPolled(x); err != nil {
			w.Fatal(err)
		}
		return w.over(&faraway{pipe: x}, v)
	}
	nc, err := w.b.Dial(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	return w.over(nc, v)
}

func (w *world) over(nc net.Conn, v packets.Version) *peer {
	w.Cleanup(func() { nc.Close() })
	w.conns = append(w.conns, nc)
	p := &peer{world: w, nc: nc, v: v, in: frame.NewReader(nc)}
	p.in.Version = v
	return p
}

// join is a peer that is connected, with what else stands in CONNECT.
func (w *world) join(v packets.Version, id string, more ...func(*packets.Connect)) *peer {
	w.Helper()
	p := w.dial(v)
	p.connect(id, more...)
	if a, ok := p.next().(*packets.Connack); !ok || a.Reason != packets.Success || a.SessionPresent {
		w.Fatalf("%s: CONNACK %v", id, a)
	}
	return p
}

// resume is a peer that comes back to its session.
func (w *world) resume(v packets.Version, id string, more ...func(*packets.Connect)) *peer {
	w.Helper()
	p := w.dial(v)
	p.connect(id, append([]func(*packets.Connect){keeping(forever)}, more...)...)
	if a, ok := p.next().(*packets.Connack); !ok || a.Reason != packets.Success || a.SessionPresent != (v != packets.V31) {
		w.Fatalf("%s: CONNACK %v", id, a)
	}
	return p
}

// keeping is for a client that wants its session kept for so many seconds, before
// 5.0 for ever.
func keeping(seconds uint32) func(*packets.Connect) {
	return func(c *packets.Connect) {
		c.CleanStart = false
		c.Props.SetSessionExpiryInterval(seconds)
	}
}

// lose ends the connection without a word.
func (p *peer) lose() {
	p.nc.Close()
	p.settle()
}

// passes publishes these at QoS 1 and above, and sees to their acknowledgement.
func (p *peer) passes(all ...*packets.Publish) {
	p.Helper()
	for _, m := range all {
		p.send(m)
		p.next()
		if m.QoS == packets.ExactlyOnce {
			p.send(&packets.Pubrel{PacketID: m.PacketID})
			p.next()
		}
	}
}

func (p *peer) connect(id string, more ...func(*packets.Connect)) {
	p.Helper()
	c := &packets.Connect{ClientID: []byte(id), CleanStart: true}
	for _, f := range more {
		f(c)
	}
	p.send(c)
}

func (p *peer) send(all ...packets.Packet) {
	p.Helper()
	var b []byte
	for _, x := range all {
		b = x.AppendTo(b, p.v)
	}
	p.write(b)
}

func (p *peer) write(b []byte) {
	p.Helper()
	p.nc.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := p.nc.Write(b); err != nil {
		p.Fatalf("write: %v", err)
	}
}

// hex sends bytes as they stand.
func (p *peer) hex(s string) {
	p.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		p.Fatal(err)
	}
	p.write(b)
}

func (p *peer) next() packets.Packet {
	p.Helper()
	x, err := p.read(10 * time.Second)
	if err != nil {
		p.Fatalf("waiting for a packet: %v\n%s", err, p.log)
	}
	return x
}

func (p *peer) read(d time.Duration) (packets.Packet, error) {
	p.nc.SetReadDeadline(time.Now().Add(d))
	first, body, err := p.in.Next()
	if err != nil {
		return nil, err
	}
	x, err := p.dec.Decode(first, body, p.v)
	p.note(x)
	return x, err
}

// note takes what is for people out of a packet.
func (p *peer) note(x packets.Packet) {
	var props interface {
		ReasonString() ([]byte, bool)
		Unset(packets.Property)
	}
	switch x := x.(type) {
	case *packets.Connack:
		props = &x.Props
	case *packets.Suback:
		props = &x.Props
	case *packets.Disconnect:
		props = &x.Props
	default:
		return
	}
	text, _ := props.ReasonString()
	p.text = string(text)
	props.Unset(packets.PropReasonString)
}

// want reads these packets, in their order, each as its String.
func (p *peer) want(lines ...string) {
	p.Helper()
	for _, line := range lines {
		if got := p.next().String(); got != line {
			p.Fatalf("got  %s\nwant %s", got, line)
		}
	}
}

// quiet demands that nothing comes, and that the connection stays.
func (p *peer) quiet() {
	p.Helper()
	if x, err := p.read(time.Second); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.Fatalf("got %v, %v; want nothing", x, err)
	}
}

// closed demands that the connection ends without another packet.
func (p *peer) closed() {
	p.Helper()
	if x, err := p.read(10 * time.Second); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
		p.Fatalf("got %v, %v; want the end", x, err)
	}
	p.nc.Close()
}

// ended demands DISCONNECT with that reason, in 5.0, and the end.
// [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-4.13.2-1]
func (p *peer) ended(reason packets.ReasonCode) {
	p.Helper()
	if p.v == packets.V5 {
		d, ok := p.next().(*packets.Disconnect)
		if !ok || d.Reason != reason {
			p.Fatalf("got %v, want DISCONNECT 0x%02x\n%s", d, byte(reason), p.log)
		}
	}
	p.closed()
}

func (p *peer) subscribe(filter string, qos packets.QoS, more ...func(*packets.Subscription)) {
	p.Helper()
	s := packets.Subscription{Filter: []byte(filter), QoS: qos}
	for _, f := range more {
		f(&s)
	}
	p.send(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{s}})
	if a, ok := p.next().(*packets.Suback); !ok || a.PacketID != 1 || len(a.Reasons) != 1 || a.Reasons[0] != packets.ReasonCode(qos) {
		p.Fatalf("SUBACK %v", a)
	}
}

// rest is all that still comes, as bytes.
func (p *peer) rest() []byte {
	p.Helper()
	p.nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, err := io.ReadAll(p.nc)
	if err != nil {
		p.Fatalf("waiting for the end: %v", err)
	}
	return b
}

// settle waits until nobody in the bubble has anything to do.
func (w *world) settle() { synctest.Wait() }

func message(topic, payload string, qos packets.QoS, more ...func(*packets.Publish)) *packets.Publish {
	m := &packets.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: qos}
	if qos > 0 {
		m.PacketID = 1
	}
	for _, f := range more {
		f(m)
	}
	return m
}

func retained(m *packets.Publish) { m.Retain = true }

func lasting(seconds uint32) func(*packets.Publish) {
	return func(m *packets.Publish) { m.Props.SetMessageExpiryInterval(seconds) }
}

func numbered(id uint16) func(*packets.Publish) {
	return func(m *packets.Publish) { m.PacketID = id }
}

// will is a will at QoS 0.
func will(topic, payload string) func(*packets.Connect) {
	return func(c *packets.Connect) {
		c.HasWill = true
		c.Will.Topic, c.Will.Payload = []byte(topic), []byte(payload)
	}
}

// serve lets the broker of w serve TCP, and gives the address.
func (w *world) serve() string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.b.Serve(context.Background(), ln) }()
	w.Cleanup(func() {
		if err := w.b.Shutdown(context.Background()); err != nil {
			w.Errorf("Shutdown: %v", err)
		}
		if err := <-done; !errors.Is(err, ErrClosed) {
			w.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr().String()
}

func (w *world) tcp(addr string, v packets.Version) *peer {
	w.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		w.Fatal(err)
	}
	return w.over(nc, v)
}
