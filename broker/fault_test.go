package broker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/broker/loop"
	"github.com/fletchmq/fletch/packets"
)

// faulty is a Poller that takes one in, and no other, once it is told to say so.
type faulty struct {
	*pool
	some bool
	say  chan struct{}
}

func (f *faulty) Add(s loop.Socket, h loop.Handler) error {
	if !f.some {
		f.some = true
		return f.pool.Add(s, h)
	}
	<-f.say
	return errors.New("no room in the system")
}

// A connection that its loop cannot serve has ended, whoever wants to end it.
func TestLoopRefusesConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Loops: 1})
		say := make(chan struct{})
		w.b.loops.poller = func() (loop.Poller, error) {
			p, err := newPool()
			return &faulty{pool: p.(*pool), say: say}, err
		}
		w.piped = true
		w.join(packets.V5, "lingers")
		a := w.dial(packets.V5)
		done := make(chan error)
		go func() { done <- w.b.Shutdown(context.Background()) }()
		w.settle()
		close(say)
		a.closed()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Where the program takes longer than ConnectTimeout before a client can have the
// session, the client can have it all the same.
func TestSlowTakeover(t *testing.T) {
	slow := &slowFarewell{}
	run(t, Config{ConnectTimeout: 5 * time.Second, Hooks: slow}, func(w *world) {
		w.join(packets.V5, "a")
		b := w.dial(packets.V5)
		b.connect("a", func(c *packets.Connect) { c.KeepAlive = 10 })
		time.Sleep(7 * time.Second)
		if a := b.next().(*packets.Connack); a.Reason != packets.Success {
			t.Error(a)
		}
	})
}

type slowFarewell struct{}

func (*slowFarewell) Disconnected(Disconnected) { time.Sleep(8 * time.Second) }

// Who gets something because of a connection that is refused does not wait until
// its client reads why.
func TestRefusedClientKeepsNobodyWaiting(t *testing.T) {
	run(t, Config{}, func(w *world) {
		watcher := w.join(packets.V5, "watcher")
		watcher.subscribe("will", 0)
		w.join(packets.V5, "a", keeping(100), will("will", "late"), func(c *packets.Connect) {
			c.Will.Props.SetWillDelayInterval(100)
		}).lose()
		begin := time.Now()
		w.dial(packets.V5).connect("a", func(c *packets.Connect) { c.Props.SetMaximumPacketSize(10) }) // too small for CONNACK 0x00
		watcher.want(`PUBLISH topic=will payload="late"`)
		if d := time.Since(begin); d != 0 {
			t.Errorf("after %s", d)
		}
	})
}

// A client that is asked for more, and does not read that, ends when it is to.
func TestDeafClientWhileAuthenticating(t *testing.T) {
	config := scripted
	config.ConnectTimeout = time.Hour
	run(t, config, func(w *world) {
		w.join(packets.V5, "b", proving("script", "fine"))
		a := w.dial(packets.V5)
		a.connect("a", proving("script", kilobyte))
		w.settle()
		begin := time.Now()
		if err := w.b.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if d := time.Since(begin); d > 2*lingerTime {
			t.Errorf("after %s", d)
		}
		if strings.Contains(w.log.String(), "timeout") || strings.Count(w.log.String(), errShutdown.text) != 2 {
			t.Errorf("logged:\n%s", w.log)
		}
	})
}
