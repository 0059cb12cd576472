package broker

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/fletchmq/fletch/bench/cputime"
	"github.com/fletchmq/fletch/broker/loop"
	"github.com/fletchmq/fletch/packets"
)

// lab is a loop.Poller that is the load as well: one goroutine is the event loop and
// all its clients. What it measures is the broker without sockets, and is not decided
// by who of several goroutines runs first.
type lab struct {
	mu    sync.Mutex
	ready []*plug // have something for the broker
	spare []*plug // memory for ready
	next  func()  // has clients say more when the broker has nothing left to do, nil if it is to wait
	woken chan struct{}
}

// newLab is a broker with one loop, and its lab.
func newLab(b *testing.B) (*Broker, *lab) {
	b.Helper()
	broker, err := New(Config{Loops: 1, SysInterval: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	l := &lab{woken: make(chan struct{}, 1)}
	broker.loops.poller = func() (loop.Poller, error) { return l, nil }
	b.Cleanup(func() {
		if err := broker.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	})
	return broker, l
}

// warm is how many operations find memory for all that follow.
const warm = 20

// measure measures op, at whose end the broker has nothing left to do.
func (l *lab) measure(b *testing.B, op func()) {
	l.drive(warm, func() bool { return false }, op)
	cputime.Report(b)
	l.drive(0, b.Loop, op)
}

// drive calls op n times, and then for as long as more says so.
func (l *lab) drive(n int, more func() bool, op func()) {
	over := make(chan struct{})
	l.setNext(func() {
		if n--; n >= 0 || more() {
			op()
			return
		}
		l.setNext(nil)
		close(over)
	})
	l.Wake()
	<-over
}

func (l *lab) setNext(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = f
}

// idle gives next, unless there is something to read.
func (l *lab) idle() (next func(), idle bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next, len(l.ready) == 0
}

// Wait is of loop.Poller, as what follows is.
func (l *lab) Wait(timeout time.Duration) error {
	if timeout == 0 {
		return nil
	}
	for {
		next, idle := l.idle()
		switch {
		case !idle:
			return nil
		case next != nil:
			next()
			continue
		}
		var late <-chan time.Time
		if timeout > 0 {
			late = time.After(timeout)
		}
		select {
		case <-l.woken:
		case <-late:
		}
		return nil
	}
}

func (l *lab) Report() {
	l.mu.Lock()
	ready := l.ready
	l.ready = l.spare
	l.mu.Unlock()
	for _, p := range ready {
		if p.handler != nil {
			p.handler.Readable(p.half)
		}
	}
	l.spare = ready[:0]
}

func (l *lab) Wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

func (l *lab) Add(s loop.Socket, h loop.Handler) error {
	p := s.(*plug)
	p.handler = h
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready = append(l.ready, p) // it has said CONNECT
	return nil
}

func (l *lab) Forget(s loop.Socket)    { s.(*plug).handler = nil }
func (l *lab) Watch(loop.Socket) error { return nil }
func (l *lab) Close() error            { return nil }

// plug is a client of 3.1.1 that answers at once, and the broker's socket for it.
type plug struct {
	lab      *lab
	handler  loop.Handler
	said     []byte        // and not read by the broker; under lab.mu
	half     bool          // the broker writes no more
	answers  []byte        // to what is being written
	heard    chan struct{} // has one for each CONNACK and SUBACK
	messages int           // received
	done     int           // published at QoS 1 and 2, and acknowledged to the end
}

// join is a client that has subscribed to filter, unless that is empty.
func (l *lab) join(b *testing.B, broker *Broker, id, filter string, qos packets.QoS) *plug {
	b.Helper()
	connect := packets.Connect{CleanStart: true, ClientID: []byte(id)}
	p := &plug{lab: l, said: connect.AppendTo(nil, packets.V311), heard: make(chan struct{}, 1)}
	if err := broker.startPolled(p); err != nil {
		b.Fatal(err)
	}
	<-p.heard
	if filter != "" {
		subscribe := packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte(filter), QoS: qos}}}
		p.say(subscribe.AppendTo(nil, packets.V311))
		<-p.heard
	}
	return p
}

func (p *plug) say(b []byte) {
	p.lab.mu.Lock()
	defer p.lab.mu.Unlock()
	if p.said = append(p.said, b...); len(p.said) == len(b) {
		p.lab.ready = append(p.lab.ready, p)
	}
	p.lab.Wake()
}

func (p *plug) Read(b []byte) (int, error) {
	p.lab.mu.Lock()
	defer p.lab.mu.Unlock()
	n := copy(b, p.said)
	p.said = append(p.said[:0], p.said[n:]...)
	switch {
	case n > 0:
		return n, nil
	case p.half:
		return 0, io.EOF
	}
	return 0, loop.ErrAgain
}

func (p *plug) Write(v *net.Buffers) (n int, err error) {
	for _, b := range *v {
		n += len(b)
		for len(b) > 0 {
			b = p.hear(b)
		}
	}
	*v = nil
	if len(p.answers) > 0 {
		p.say(p.answers)
		p.answers = p.answers[:0]
	}
	return n, nil
}

// hear takes a packet off b: the broker puts one of this size into one buffer.
func (p *plug) hear(b []byte) (rest []byte) {
	length, n := binary.Uvarint(b[1:])
	body, rest := b[1+n:][:length], b[1+n:][length:]
	switch packets.Type(b[0] >> 4) {
	case packets.TypeConnack, packets.TypeSuback:
		p.heard <- struct{}{}
	case packets.TypePublish:
		p.messages++
		id := body[2+binary.BigEndian.Uint16(body):]
		switch packets.QoS(b[0] >> 1 & 0b11) {
		case packets.AtLeastOnce:
			p.answer(0x40, id)
		case packets.ExactlyOnce:
			p.answer(0x50, id)
		}
	case packets.TypePubrec:
		p.answer(0x62, body)
	case packets.TypePubrel:
		p.answer(0x70, body)
	case packets.TypePuback, packets.TypePubcomp:
		p.done++
	}
	return rest
}

func (p *plug) answer(first byte, id []byte) { p.answers = append(p.answers, first, 2, id[0], id[1]) }

func (p *plug) CloseWrite() error {
	p.lab.mu.Lock()
	defer p.lab.mu.Unlock()
	p.half = true
	p.lab.ready = append(p.lab.ready, p)
	p.lab.Wake()
	return nil
}

func (p *plug) Close() error         { return nil }
func (p *plug) RemoteAddr() net.Addr { return pipeAddr{} }
