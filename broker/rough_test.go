package broker

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/broker/loop"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

var rounds = flag.Int("rough", 1, "worlds of TestRough, for each engine and overflow")

// rough is a socket that takes and gives little at a time, and breaks now and then.
// It is closed once, and nobody is at it after that.
type rough struct {
	*pipe
	t      *testing.T
	whole  bool // it does not break
	closed atomic.Bool
}

func oneIn(n int) bool { return rand.IntN(n) == 0 }

func (x *rough) open(what string) {
	if x.closed.Load() {
		x.t.Errorf("%s of a socket that is closed", what)
	}
}

var errRough = errors.New("broken on purpose")

func (x *rough) Read(b []byte) (int, error) {
	x.open("Read")
	if !x.whole && oneIn(2000) {
		return 0, errRough
	}
	return x.pipe.Read(b[:1+rand.IntN(300)])
}

func (x *rough) Write(v *net.Buffers) (int, error) {
	x.open("Write")
	switch {
	case !x.whole && oneIn(1000):
		return 0, errRough
	case oneIn(10) && len(*v) > 0 && len((*v)[0]) > 1:
		part := net.Buffers{(*v)[0][:1]}
		n, err := x.pipe.Write(&part)
		(*v)[0] = (*v)[0][n:]
		if err == nil {
			err = loop.ErrAgain
		}
		return n, err
	}
	return x.pipe.Write(v)
}

func (x *rough) CloseWrite() error {
	x.open("CloseWrite")
	if oneIn(20) {
		return errRough
	}
	return x.pipe.CloseWrite()
}

func (x *rough) Close() error {
	x.open("Close")
	x.closed.Store(true)
	return x.pipe.Close()
}

// roughPool is a Poller for those, which reports late and too often, and fails now
// and then.
type roughPool struct{ *pool }

func (p roughPool) Add(s loop.Socket, h loop.Handler) error {
	if !s.(*rough).whole && oneIn(50) {
		return errRough
	}
	return p.pool.Add(s.(*rough).pipe, h)
}

func (p roughPool) Watch(s loop.Socket) error {
	s.(*rough).open("Watch")
	if !s.(*rough).whole && oneIn(100) {
		return errRough
	}
	return p.pool.Watch(s.(*rough).pipe)
}

func (p roughPool) Forget(s loop.Socket) { p.pool.Forget(s.(*rough).pipe) }

func (p roughPool) Report() {
	p.mu.Lock()
	all := p.ready
	p.ready = nil
	for _, x := range all {
		switch {
		case oneIn(10):
			time.AfterFunc(time.Duration(rand.IntN(int(time.Second))), func() { p.notify(x) })
			continue
		case oneIn(10):
			p.ready = append(p.ready, x)
		}
		p.ready = append(p.ready, x)
	}
	p.mu.Unlock()
	p.pool.Report()
}

// roughAuthorize refuses and forgets to answer now and then.
func roughAuthorize(ctx context.Context, a *Access) error {
	switch {
	case a.ClientID == "keeper":
	case oneIn(10):
		time.Sleep(time.Duration(rand.IntN(int(3 * time.Second))))
	case oneIn(100):
		<-ctx.Done()
	case oneIn(100):
		panic("authorize")
	case oneIn(20):
		return Refuse(packets.NotAuthorized)
	}
	return nil
}

// TestRough is clients that do this and that over sockets that are as bad as can
// be, while the program ends what it likes. In the end nothing is left.
func TestRough(t *testing.T) {
	for _, e := range []Engine{EventLoops, Goroutines} {
		for o := range endOfOverflow {
			for round := range *rounds {
				t.Run(fmt.Sprintf("%d/%s/%d", e, o, round), func(t *testing.T) {
					config := scripted
					config.Engine, config.Loops, config.Overflow = e, 1+rand.IntN(2), o
					config.MaximumQueuedMessages, config.MaximumQueuedBytes = 10+rand.IntN(50), 50_000
					config.PushBackTimeout = time.Duration(rand.IntN(int(3*time.Second))) + 1
					if oneIn(2) {
						config.Authorize = roughAuthorize
					}
					config.Authenticate = func(context.Context, *Login) error { return nil }
					synctest.Test(t, func(t *testing.T) { roughWorld(t, config) })
				})
			}
		}
	}
}

func roughWorld(t *testing.T, config Config) {
	w := newWorld(t, config)
	w.b.loops.poller = func() (loop.Poller, error) {
		p, err := newPool()
		return roughPool{p.(*pool)}, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			for ctx.Err() == nil {
				w.ramble()
			}
		})
	}
	all.Go(func() { w.meddle(ctx) })
	w.keep(ctx, &all)
	time.Sleep(time.Duration(rand.IntN(int(12 * time.Second))))
	if oneIn(2) {
		cancel()
		all.Wait()
	}
	within, done := context.WithTimeout(t.Context(), time.Duration(rand.IntN(int(10*time.Second))))
	defer done()
	begin := time.Now()
	w.b.Shutdown(within)
	if err := w.b.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if d := time.Since(begin); d > 30*time.Second {
		t.Errorf("Shutdown took %s", d)
	}
	cancel()
	all.Wait()
	time.Sleep(time.Minute) // Authorize may still be asleep
	if n := w.b.subscriptions.Len() + w.b.shared.Len() + len(w.b.shares.groups); n != 0 || len(w.b.clients) != 0 || len(w.b.conns) != 0 {
		t.Errorf("%d subscriptions, %d clients and %d connections are left", n, len(w.b.clients), len(w.b.conns))
	}
	if n, subscribed := w.b.budget.Used(), w.b.subscribed.Load(); n != 0 || subscribed != 0 || w.b.connected != 0 {
		t.Errorf("%d bytes, %d subscriptions and %d clients are counted when nothing is left", n, subscribed, w.b.connected)
	}
}

// enter is a connection to the broker.
func (w *world) enter(whole bool) net.Conn {
	if w.b.config.Engine == Goroutines {
		nc, err := w.b.Dial(context.Background())
		if err != nil {
			return nil
		}
		return nc
	}
	x := &rough{pipe: newPipe(), t: w.T, whole: whole}
	if w.b.startPolled(x) != nil {
		return nil
	}
	return &faraway{pipe: x.pipe}
}

// orderly is a connection for more than one who writes. No lock, with which the
// fake time would not go on.
type orderly struct {
	net.Conn
	free chan struct{}
}

func (o *orderly) Write(b []byte) (int, error) {
	o.free <- struct{}{}
	defer func() { <-o.free }()
	return o.Conn.Write(b)
}

// keep is a client that stays, and gets what the program sends it, one after the
// other, whatever happens to all others.
func (w *world) keep(ctx context.Context, all *sync.WaitGroup) {
	nc := w.enter(true)
	k := &walker{nc: nc, in: frame.NewReader(nc), v: packets.V5}
	k.in.Version = k.v
	came := make(chan string, 1)
	all.Go(func() {
		defer nc.Close()
		k.send(&packets.Connect{ClientID: []byte("keeper"), CleanStart: true},
			&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte("keep"), QoS: 1}}})
		for {
			x, err := k.read()
			if err != nil {
				return
			}
			switch x := x.(type) {
			case *packets.Suback:
				came <- "all"
			case *packets.Publish:
				came <- string(x.Payload)
			}
		}
	})
	all.Go(func() {
		defer nc.Close()
		for n, want := 0, "all"; ctx.Err() == nil; n++ {
			select {
			case got := <-came:
				if got != want {
					w.Errorf("%s came, want %s", got, want)
				}
			case <-ctx.Done():
			case <-time.After(time.Minute): // longer than Shutdown takes
				w.Errorf("%s has not come", want)
				return
			}
			time.Sleep(time.Duration(rand.IntN(int(time.Second))))
			if want = fmt.Sprint(n); w.b.Publish(ctx, Message{Topic: "keep", Payload: []byte(want), QoS: 1}) != nil {
				return
			}
		}
	})
}

// ramble is the life of one connection.
func (w *world) ramble() {
	time.Sleep(time.Duration(rand.IntN(int(time.Second))))
	nc := w.enter(false)
	if nc == nil {
		return
	}
	defer nc.Close()
	nc = &orderly{nc, make(chan struct{}, 1)}
	v := versions[rand.IntN(3)]
	r := &walker{nc: nc, in: frame.NewReader(nc), v: v}
	r.in.Version = v
	c := &packets.Connect{ClientID: fmt.Append(nil, "c", rand.IntN(5)), CleanStart: oneIn(3), KeepAlive: uint16(rand.IntN(5))}
	c.Props.SetSessionExpiryInterval(uint32(rand.IntN(20)))
	if c.HasWill = oneIn(2); c.HasWill {
		c.Will.Topic, c.WillQoS = []byte("t/1"), packets.QoS(rand.IntN(3))
		c.Will.Props.SetWillDelayInterval(uint32(rand.IntN(10)))
	}
	if oneIn(4) {
		proving("script", kilobyte)(c)
	}
	var reading sync.WaitGroup
	if r.send(c) == nil && !oneIn(20) {
		reading.Go(func() { r.gape() })
		r.babble()
	}
	if oneIn(3) {
		r.send(&packets.Disconnect{})
	}
	nc.Close()
	reading.Wait()
}

// babble sends whatever comes to mind.
func (w *walker) babble() {
	for range rand.IntN(200) {
		topic := fmt.Sprint("t/", rand.IntN(4))
		var p packets.Packet
		switch k := rand.IntN(20); {
		case k < 2:
			filters := []string{"t/+", topic, "$share/g/t/#", "#"}
			p = &packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte(filters[rand.IntN(4)]), QoS: packets.QoS(rand.IntN(3))}}}
		case k < 3:
			p = &packets.Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte("t/+"), []byte(topic)}}
		case k < 4:
			p = &packets.Pingreq{}
		case k < 5 && oneIn(10):
			p = auth(packets.ContinueAuthentication, "script", kilobyte)
		default:
			m := message(topic, kilobyte[:rand.IntN(1000)], packets.QoS(rand.IntN(3)), numbered(uint16(1+rand.IntN(100))))
			m.Retain = oneIn(10)
			p = m
		}
		if w.send(p) != nil {
			return
		}
		if oneIn(50) {
			time.Sleep(time.Duration(rand.IntN(int(4 * time.Second))))
		}
	}
}

// gape reads, at times slowly, at times not at all.
func (w *walker) gape() {
	deaf := oneIn(5)
	for n := rand.IntN(300); n > 0 || !deaf; n-- {
		if _, err := w.read(); err != nil {
			return
		}
		if oneIn(100) {
			time.Sleep(time.Duration(rand.IntN(int(5 * time.Second))))
		}
	}
}

// meddle is the program.
func (w *world) meddle(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(time.Duration(rand.IntN(int(time.Second))))
		id := fmt.Sprint("c", rand.IntN(5))
		switch rand.IntN(5) {
		case 0:
			w.b.Disconnect(id, packets.ServerBusy)
		case 1:
			w.b.EndSession(id)
		case 2:
			w.b.Publish(ctx, Message{Topic: "t/2", Payload: []byte(kilobyte), QoS: 1})
		case 3:
			for s := range w.b.Sessions() {
				_ = s.Subscriptions
			}
			w.b.Stats()
		case 4:
			limited, cancel := context.WithTimeout(ctx, 2*time.Second)
			messages, err := w.b.Subscribe(limited, "t/#")
			if err == nil {
				for range messages {
					if oneIn(20) {
						break
					}
				}
			}
			cancel()
		}
	}
}
