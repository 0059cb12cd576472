package broker

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/broker/loop"
	"github.com/fletchmq/fletch/packets"
)

// torrent is a socket with always more to read, once somebody has connected.
type torrent struct {
	*pipe
	reads, left int
}

func (x *torrent) Read(b []byte) (int, error) {
	switch x.reads++; {
	case x.reads == 1:
		return copy(b, (&packets.Connect{ClientID: []byte("torrent")}).AppendTo(nil, packets.V5)), nil
	case x.left == 0:
		return 0, net.ErrClosed
	}
	x.left--
	return copy(b, strings.Repeat(flood, len(b)/len(flood))), nil
}

var flood = string(message("x", strings.Repeat("x", 58), 0).AppendTo(nil, packets.V5))

// always is a Poller whose sockets are ready in each turn.
type always struct {
	*pool
	x     *torrent
	h     loop.Handler
	turns int
}

func (p *always) Add(s loop.Socket, h loop.Handler) error {
	p.x, p.h = s.(*torrent), h
	return nil
}

func (p *always) Forget(loop.Socket)       { p.h = nil }
func (p *always) Wait(time.Duration) error { return p.pool.Wait(time.Millisecond) }

func (p *always) Report() {
	if p.h != nil {
		p.turns++
		p.h.Readable(false)
	}
}

// Who sends faster than it is read has its turn once, as all others have.
func TestFloodIsReadOnceATurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Loops: 1})
		p := &always{}
		w.b.loops.poller = func() (loop.Poller, error) {
			inner, err := newPool()
			p.pool = inner.(*pool)
			return p, err
		}
		x := &torrent{pipe: newPipe(), left: 60}
		if err := w.b.startPolled(x); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := w.b.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if x.left > 0 || p.turns < x.reads*9/10 {
			t.Errorf("%d times in %d turns, %d left\n%s", x.reads, p.turns, x.left, w.log)
		}
	})
}
