package outage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/broker/store/disk"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 30 * time.Second // bounds what is to happen
	moment   = 50 * time.Millisecond
	forever  = 1<<32 - 1
)

// log is what was logged, for who waits for some of it.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed with the next line
}

func newLog() *log { return &log{more: make(chan struct{})} }

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.more)
	l.more = make(chan struct{})
	return l.text.Write(b)
}

func (l *log) now() (text string, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String(), l.more
}

// await waits until something was logged that often.
func (l *log) await(t *testing.T, what string, times int) {
	t.Helper()
	late := time.After(patience)
	for {
		text, more := l.now()
		if strings.Count(text, what) >= times {
			return
		}
		select {
		case <-more:
		case <-late:
			t.Fatalf("the log has not %q %d times:\n%s", what, times, text)
		}
	}
}

// world is a broker with its store, and a listener.
type world struct {
	*testing.T
	at     disk.Durability
	disk   *badDisk
	log    *log
	store  *disk.Store
	broker *broker.Broker
	ln     net.Listener
	served chan error
	peers  []net.Conn
}

func begin(t *testing.T, at disk.Durability, d *badDisk) *world {
	t.Helper()
	w := &world{T: t, at: at, disk: d, log: newLog(), served: make(chan error, 1)}
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	var err error
	if w.store, err = disk.Open("/data", disk.Options{Durability: at, FS: d, Logger: logger}); err != nil {
		t.Fatal(err)
	}
	w.broker, err = broker.New(broker.Config{
		Store: w.store, Logger: logger, SysInterval: moment, MaximumUnstored: 1 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	go func() { w.served <- w.broker.Serve(context.Background(), w.ln) }()
	return w
}

// leave ends all connections.
func (w *world) leave() {
	for _, nc := range w.peers {
		nc.Close()
	}
}

// end is the end of the process in good order, which has so much time to write. It says
// why that is not enough.
func (w *world) end(d time.Duration) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	began := time.Now()
	err := w.broker.Shutdown(ctx)
	if f := w.disk.fault.Load(); f == nil && err != nil || f != nil && !errors.Is(err, f.err) {
		w.Errorf("Shutdown: %v", err)
	}
	if err := w.store.Close(); err != nil {
		w.Errorf("Close: %v", err)
	}
	if took := time.Since(began); took > d+patience/2 {
		w.Errorf("Shutdown and Close took %v", took)
	}
	w.leave()
	if err := <-w.served; !errors.Is(err, broker.ErrClosed) {
		w.Errorf("Serve: %v", err)
	}
}

// peer is a client made of packets.
type peer struct {
	*world
	nc net.Conn
	in *frame.Reader
	to packets.FromServer
	v  packets.Version
}

// connect is a peer that has been told reason in CONNACK. It keeps its session, if that
// is to be.
func (w *world) connect(v packets.Version, id string, keep bool, reason packets.ReasonCode) *peer {
	w.Helper()
	nc, err := net.Dial("tcp", w.ln.Addr().String())
	if err != nil {
		w.Fatal(err)
	}
	w.peers = append(w.peers, nc)
	p := &peer{world: w, nc: nc, in: frame.NewReader(nc), v: v}
	p.in.From, p.in.Version = packets.Server, v
	c := &packets.Connect{ClientID: []byte(id), CleanStart: !keep}
	if keep && v == packets.V5 {
		c.Props.SetSessionExpiryInterval(forever)
	}
	p.send(c)
	if a, ok := p.next().(*packets.Connack); !ok || a.Reason != reason {
		w.Fatalf("%s: %v, want reason %v", id, a, reason)
	}
	return p
}

func (p *peer) send(all ...packets.Packet) {
	p.Helper()
	var b []byte
	for _, x := range all {
		b = x.AppendTo(b, p.v)
	}
	p.nc.SetWriteDeadline(time.Now().Add(patience))
	if _, err := p.nc.Write(b); err != nil {
		p.Fatal(err)
	}
}

func (p *peer) next() packets.Packet {
	p.Helper()
	x, err := p.within(patience)
	if err != nil {
		text, _ := p.log.now()
		p.Fatalf("%v\n%s", err, text)
	}
	return x
}

func (p *peer) within(d time.Duration) (packets.Packet, error) {
	p.nc.SetReadDeadline(time.Now().Add(d))
	first, body, err := p.in.Next()
	if err != nil {
		return nil, err
	}
	return p.to.Decode(first, body, p.v)
}

// leaves is DISCONNECT, and that the broker has taken note of it.
func (p *peer) leaves() {
	p.Helper()
	p.send(&packets.Disconnect{})
	if x, err := p.within(patience); !errors.Is(err, io.EOF) {
		p.Fatalf("%v, %v behind DISCONNECT", x, err)
	}
}

// want reads these packets, each as it is printed.
func (p *peer) want(lines ...string) {
	p.Helper()
	for _, line := range lines {
		if got := p.next().String(); got != line {
			p.Fatalf("got  %s\nwant %s", got, line)
		}
	}
}

// quiet is that nothing comes for a moment.
func (p *peer) quiet() {
	p.Helper()
	if x, err := p.within(moment); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.Errorf("unexpected %v, %v", x, err)
	}
}

func (p *peer) subscribe(filter string, qos packets.QoS, reason packets.ReasonCode) {
	p.Helper()
	p.send(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte(filter), QoS: qos}}})
	a, ok := p.next().(*packets.Suback)
	if !ok || len(a.Reasons) != 1 || a.Reasons[0] != reason {
		p.Fatalf("%v, want reason %v", a, reason)
	}
}

// message is numbered with id, if its QoS has a place for it.
func message(topic, payload string, qos packets.QoS, id uint16) *packets.Publish {
	m := &packets.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: qos}
	if qos > packets.AtMostOnce {
		m.PacketID = id
	}
	return m
}

func retained(topic, payload string, qos packets.QoS, id uint16) *packets.Publish {
	m := message(topic, payload, qos, id)
	m.Retain = true
	return m
}

// publish publishes at QoS 1 or 2, to the end of the exchange, and is told reason.
func (p *peer) publish(m *packets.Publish, reason packets.ReasonCode) {
	p.Helper()
	p.send(m)
	switch a := p.next().(type) {
	case *packets.Puback:
		if a.Reason != reason {
			p.Fatalf("%v, want reason %v", a, reason)
		}
	case *packets.Pubrec:
		if a.Reason != reason {
			p.Fatalf("%v, want reason %v", a, reason)
		}
		if reason < packets.UnspecifiedError {
			p.send(&packets.Pubrel{PacketID: m.PacketID})
			if c, ok := p.next().(*packets.Pubcomp); !ok || c.Reason != packets.Success {
				p.Fatalf("%v", c)
			}
		}
	default:
		p.Fatalf("unexpected %v", a)
	}
}

// takes gives the payloads of the next n messages. It acknowledges them to the end, as
// those before them that are open at PUBREC.
func (p *peer) takes(n, open int) (payloads []string) {
	p.Helper()
	for n > 0 || open > 0 {
		switch x := p.next().(type) {
		case *packets.Publish:
			payloads = append(payloads, string(x.Payload))
			n--
			switch x.QoS {
			case packets.AtLeastOnce:
				p.send(&packets.Puback{PacketID: x.PacketID})
			case packets.ExactlyOnce:
				open++
				p.send(&packets.Pubrec{PacketID: x.PacketID})
			}
		case *packets.Pubrel:
			open--
			p.send(&packets.Pubcomp{PacketID: x.PacketID})
		default:
			p.Fatalf("unexpected %v", x)
		}
	}
	return payloads
}
