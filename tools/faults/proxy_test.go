package main

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
)

const (
	ever   = time.Hour
	moment = 20 * time.Millisecond
)

// steps is a script of these faults.
func steps(faults ...fault) script {
	return func() fault {
		if len(faults) == 0 {
			return never()
		}
		f := faults[0]
		faults = faults[1:]
		return f
	}
}

// site is a proxy between one client and what stands for the broker.
type site struct {
	*testing.T
	proxy          *proxy
	ln             net.Listener
	client, server *net.TCPConn
}

func newSite(t *testing.T, up, down script) *site {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProxy(ln.Addr().String(), func(int) (script, script) { return up, down })
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, proxy: p, ln: ln}
	s.client, s.server = s.dial(), s.accept()
	t.Cleanup(func() {
		p.close()
		ln.Close()
		s.client.Close()
		s.server.Close()
	})
	return s
}

func (s *site) dial() *net.TCPConn {
	s.Helper()
	nc, err := net.Dial("tcp", s.proxy.address)
	if err != nil {
		s.Fatal(err)
	}
	return nc.(*net.TCPConn)
}

func (s *site) accept() *net.TCPConn {
	s.Helper()
	nc, err := s.ln.Accept()
	if err != nil {
		s.Fatal(err)
	}
	return nc.(*net.TCPConn)
}

func (s *site) send(nc net.Conn, text string) {
	s.Helper()
	if _, err := io.WriteString(nc, text); err != nil {
		s.Fatal(err)
	}
}

// takes reads so many bytes as want has, and these.
func (s *site) takes(nc net.Conn, want string) {
	s.Helper()
	nc.SetReadDeadline(time.Now().Add(patience))
	b := make([]byte, len(want))
	if n, err := io.ReadFull(nc, b); err != nil || string(b) != want {
		s.Fatalf("got %q, %v, want %q", b[:n], err, want)
	}
}

// ends reads want, and then the error, which may be nil for FIN.
func (s *site) ends(nc net.Conn, want string, as error) {
	s.Helper()
	nc.SetReadDeadline(time.Now().Add(patience))
	if b, err := io.ReadAll(nc); string(b) != want || !errors.Is(err, as) {
		s.Fatalf("got %q, %v, want %q, %v", b, err, want, as)
	}
}

// quiet reads nothing for a moment.
func (s *site) quiet(nc net.Conn) {
	s.Helper()
	nc.SetReadDeadline(time.Now().Add(moment))
	if n, err := nc.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		s.Fatalf("got %d bytes, %v", n, err)
	}
}

func TestCuts(t *testing.T) {
	t.Run("reset up", func(t *testing.T) {
		s := newSite(t, steps(fault{kind: reset, after: 3}), never)
		s.send(s.client, "abcdef")
		s.ends(s.client, "", syscall.ECONNRESET)
	})
	t.Run("reset down", func(t *testing.T) {
		s := newSite(t, never, steps(fault{kind: reset, after: 0}))
		s.send(s.server, "abcdef")
		s.ends(s.client, "", syscall.ECONNRESET)
		s.ends(s.server, "", syscall.ECONNRESET)
	})
	t.Run("finished", func(t *testing.T) {
		s := newSite(t, steps(fault{kind: finish, after: 3}), never)
		s.send(s.client, "abcdef")
		s.ends(s.server, "abc", nil)
		s.ends(s.client, "", nil)
	})
	t.Run("half closed", func(t *testing.T) {
		s := newSite(t, never, steps(fault{kind: half, after: 3}))
		s.send(s.server, "abcdef")
		s.ends(s.client, "abc", nil)
		s.send(s.client, "more")
		s.takes(s.server, "more")
	})
	t.Run("orphaned", func(t *testing.T) {
		s := newSite(t, steps(fault{kind: orphan, after: 3, takes: ever}), never)
		s.send(s.client, "abcdef")
		s.ends(s.client, "", syscall.ECONNRESET)
		s.takes(s.server, "abc")
		s.quiet(s.server)
		s.proxy.calm()
		s.ends(s.server, "", nil)
	})
}

func TestStalls(t *testing.T) {
	t.Run("stalled", func(t *testing.T) {
		s := newSite(t, never, steps(fault{kind: stall, after: 3, takes: ever}))
		s.send(s.server, "abcdef")
		s.takes(s.client, "abc")
		s.quiet(s.client)
		s.send(s.client, "up")
		s.takes(s.server, "up")
		s.proxy.calm()
		s.takes(s.client, "def")
	})
	t.Run("silent", func(t *testing.T) {
		next, silent := steps(fault{kind: silence, after: 3, takes: ever}), make(chan struct{})
		s := newSite(t, never, func() fault {
			f := next()
			if f.kind != silence { // it has begun when another is asked for
				close(silent)
			}
			return f
		})
		s.send(s.server, "abcdef")
		s.takes(s.client, "abc")
		<-silent
		s.quiet(s.client)
		s.send(s.client, "up")
		s.quiet(s.server)
		s.proxy.calm()
		s.takes(s.client, "def")
		s.takes(s.server, "up")
	})
	t.Run("for a time", func(t *testing.T) {
		s := newSite(t, never, steps(fault{kind: stall, after: 3, takes: moment}))
		began := time.Now()
		s.send(s.server, "abcdef")
		s.takes(s.client, "abcdef")
		if took := time.Since(began); took < moment {
			t.Errorf("after %v", took)
		}
	})
	t.Run("until it is closed", func(t *testing.T) {
		s := newSite(t, never, steps(fault{kind: stall, takes: ever}))
		s.send(s.server, "a")
		s.quiet(s.client)
		s.proxy.close()
	})
}

// TestReplay: the CONNECT of a client comes again, and whole, though it came in parts.
// Then the client is cut off, and has not heard that somebody else has its session.
func TestReplay(t *testing.T) {
	connect := (&packets.Connect{ClientID: bytes.Repeat([]byte("c"), 200)}).AppendTo(nil, packets.V311)
	s := newSite(t, steps(
		fault{kind: stall, after: 3, takes: ever}, // CONNECT is not held back
		fault{kind: replay, after: len(connect) - 1, takes: ever},
	), never)
	for _, b := range connect {
		s.send(s.client, string([]byte{b}))
	}
	s.send(s.client, "abc")
	s.takes(s.server, string(connect)+"ab")
	again := s.accept()
	defer again.Close()
	s.takes(again, string(connect))
	s.send(s.server, "somebody has taken over")
	s.quiet(s.client)
	s.send(again, "connected")
	s.ends(s.client, "", syscall.ECONNRESET)
	s.ends(s.server, "", syscall.ECONNRESET)
	s.quiet(again)
	s.proxy.calm()
	s.ends(again, "", nil)
}

func TestRefuse(t *testing.T) {
	s := newSite(t, never, never)
	done := make(chan error)
	go func() { done <- s.proxy.refuse(ever) }()
	for {
		nc, err := net.Dial("tcp", s.proxy.address)
		if errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		if err == nil {
			nc.Close()
		} else if !errors.Is(err, syscall.ECONNRESET) { // when the listener closes with it
			t.Fatal(err)
		}
	}
	s.send(s.client, "who is connected stays")
	s.takes(s.server, "who is connected stays")
	s.proxy.calm()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.dial().Close()
}

// TestHarmless: what does not cut a connection changes none of its bytes.
func TestHarmless(t *testing.T) {
	const size = 100 << 10
	scripted := func(seed uint64) script {
		all := planned(seed, 2*time.Millisecond)
		up, _ := all(0)
		return func() fault {
			for {
				if f := up(); f.kind == stall || f.kind == silence || f.kind == slow {
					return f
				}
			}
		}
	}
	s := newSite(t, scripted(1), scripted(2))
	texts := [2][]byte{make([]byte, size), make([]byte, size)}
	rng := rand.NewChaCha8([32]byte{})
	var all sync.WaitGroup
	for i, ends := range [][2]*net.TCPConn{{s.client, s.server}, {s.server, s.client}} {
		rng.Read(texts[i])
		all.Go(func() {
			if _, err := ends[0].Write(texts[i]); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			got := make([]byte, size)
			if _, err := io.ReadFull(ends[1], got); err != nil || !bytes.Equal(got, texts[i]) {
				t.Errorf("other bytes, or %v", err)
			}
		})
	}
	all.Wait()
}

// TestPlan: the seed says it all, and all kinds come.
func TestPlan(t *testing.T) {
	var came [kinds]int
	for n := range 100 {
		up, down := planned(1, time.Second)(n)
		again, other := planned(1, time.Second)(n)
		for range 10 {
			f, g := up(), down()
			if f != again() || g != other() {
				t.Fatalf("connection %d: not the same", n)
			}
			came[f.kind]++
			came[g.kind]++
		}
	}
	for k, n := range came {
		if n == 0 {
			t.Errorf("none is %v", kind(k))
		}
	}
}
