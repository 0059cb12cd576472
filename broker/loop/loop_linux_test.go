package loop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a Handler that sends back what it reads.
type echo struct {
	l      *Loop
	s      *FD
	timer  Timer
	back   net.Buffers
	unread bool
	last   bool
}

func (e *echo) Readable(last bool) {
	e.unread, e.last = true, e.last || last
	for e.unread && len(e.back) == 0 {
		b := make([]byte, 64<<10)
		n, err := e.s.Read(b)
		switch {
		case err == ErrAgain:
			e.unread = false
			return
		case err != nil:
			e.l.Remove(e.s, e)
			return
		}
		e.unread = n == len(b) || e.last
		e.back = append(e.back, bytes.Clone(b[:n]))
		e.write()
	}
}

func (e *echo) write() {
	if _, err := e.s.Write(&e.back); err == ErrAgain {
		e.l.Watch(e.s)
	}
}

func (e *echo) Again() {}

func (e *echo) Writable() {
	e.write()
	if len(e.back) == 0 && e.unread {
		e.Readable(false)
	}
}

func (e *echo) Timer() *Timer { return &e.timer }

func (e *echo) Due() { e.l.Remove(e.s, e) }

// world is a loop that echoes what comes to a listener.
type world struct {
	*testing.T
	loop *Loop
	ln   *Acceptor
	wait func() // until all has ended
}

func serve(t *testing.T, network, address string, patience time.Duration) *world {
	t.Helper()
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	a, ok := NewAcceptor(ln)
	if !ok {
		t.Fatal("no Acceptor")
	}
	w := &world{T: t, loop: New(p, func() {}), ln: a}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.loop.Run(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	wg.Go(func() {
		for {
			s, err := a.AcceptFD()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				t.Errorf("AcceptFD: %v", err)
				return
			}
			w.loop.Post(func() {
				e := &echo{l: w.loop, s: s}
				if err := w.loop.Add(s, e); err != nil {
					t.Errorf("Add: %v", err)
				}
				if patience > 0 {
					w.loop.SetTimer(e, w.loop.Now()+patience)
				}
			})
		}
	})
	w.wait = wg.Wait
	t.Cleanup(func() {
		a.Close()
		w.loop.Stop()
		w.wait()
	})
	return w
}

func (w *world) dial() net.Conn {
	w.Helper()
	c, err := net.Dial(w.ln.Addr().Network(), w.ln.Addr().String())
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}

// Many connections, each with more than the socket has room for, closed from the
// other side.
func TestEcho(t *testing.T) {
	for network, address := range map[string]string{
		"tcp":  "127.0.0.1:0",
		"unix": filepath.Join(t.TempDir(), "socket"),
	} {
		t.Run(network, func(t *testing.T) {
			w := serve(t, network, address, 0)
			var wg sync.WaitGroup
			for i := range 10 {
				c := w.dial()
				sent := bytes.Repeat([]byte{byte(i), 1, 2, 3}, 100_000)
				wg.Go(func() {
					c.Write(sent)
					c.(interface{ CloseWrite() error }).CloseWrite()
				})
				wg.Go(func() {
					got, err := io.ReadAll(c)
					if err != nil || !bytes.Equal(got, sent) {
						t.Errorf("%d bytes came back of %d: %v", len(got), len(sent), err)
					}
				})
			}
			wg.Wait()
		})
	}
}

// A loop that has been told to stop serves those who are there to their end.
func TestStop(t *testing.T) {
	w := serve(t, "tcp", "127.0.0.1:0", 0)
	c := w.dial()
	swap := func() {
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	swap()
	w.loop.Stop()
	swap()
	w.ln.Close()
	c.Close()
	w.wait()
	w.loop.Post(func() { t.Error("called behind the end") })
}

func TestDue(t *testing.T) {
	const patience = 50 * time.Millisecond
	w := serve(t, "tcp", "127.0.0.1:0", patience)
	start := time.Now()
	c := w.dial()
	if n, err := c.Read(make([]byte, 1)); err != io.EOF || time.Since(start) < patience {
		t.Errorf("%d bytes, %v, after %s", n, err, time.Since(start))
	}
}

// What one goroutine posts comes in its order, whoever else does.
func TestPost(t *testing.T) {
	w := serve(t, "tcp", "127.0.0.1:0", 0)
	const each = 1000
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			done := make(chan bool)
			next := 0
			for i := range each {
				w.loop.Post(func() {
					if i != next {
						t.Errorf("%d came, want %d", i, next)
					}
					if next++; next == each {
						close(done)
					}
				})
			}
			<-done
		})
	}
	wg.Wait()
}

// A Handler that another has removed in the same turn is not called any more.
func TestRemoveOfAnother(t *testing.T) {
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	l := New(p, func() {})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := NewAcceptor(ln)
	defer a.Close()
	calls := 0
	var pair [2]*FD
	for i := range pair {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if pair[i], err = a.AcceptFD(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for i := range pair {
		l.Add(pair[i], hook(func() {
			if calls++; calls == 1 {
				l.Remove(pair[1-i], hook(nil))
				l.Post(func() { l.Remove(pair[i], hook(nil)) })
			}
		}))
	}
	l.Stop()
	if err := l.Run(); err != nil {
		t.Fatal(err)
	}
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

// hook is a Handler of what can be read.
type hook func()

func (f hook) Readable(bool) { f() }
func (f hook) Again()        {}
func (f hook) Writable()     {}
func (f hook) Due()          {}
func (f hook) Timer() *Timer { return new(Timer) }

// over is a listener with an Accept of its own, say for TLS.
type over struct{ *net.TCPListener }

func (over) Accept() (net.Conn, error) { return nil, errors.New("not of the system") }

// Nobody passes by the Accept of a listener that only has one of the system inside.
func TestAcceptorIsForTheSystem(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if a, ok := NewAcceptor(over{ln.(*net.TCPListener)}); ok {
		a.Close()
		t.Error("its Accept is passed by")
	}
}
