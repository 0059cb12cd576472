package client_test

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// worlds runs f for 3.1.1 and for 5.0, each in a world with a clock of its own.
func worlds(t *testing.T, f func(t *testing.T, l *clienttest.Listener)) {
	for _, v := range []packets.Version{packets.V311, packets.V5} {
		t.Run(v.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, clienttest.Listen(t, v)) })
		})
	}
}

// begin starts a client that connects to l, and lives as long as the test.
func begin(t *testing.T, l *clienttest.Listener, cfg client.Config) *client.Client {
	t.Helper()
	cfg.Version, cfg.Dialer = l.Version, l.Dial
	c, err := client.Start(t.Context(), "localhost", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// accept grants the next connection. The peer has taken CONNECT.
func accept(l *clienttest.Listener, ack *packets.Connack) *clienttest.Peer {
	peer := l.Accept()
	peer.Accept(ack)
	return peer
}

func present() *packets.Connack { return &packets.Connack{SessionPresent: true} }

// kept is a client that keeps its session.
var kept = client.Config{ClientID: "x", KeepSession: true, KeepAlive: -1}

// Whatever ends a connection, there is another, and the cause is known.
func TestReconnects(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		downs := make(chan error, 10)
		c := begin(t, l, client.Config{KeepAlive: 4 * time.Second, OnDown: func(d client.DownEvent) { downs <- d.Err }})
		for _, test := range []struct {
			end  func(*clienttest.Peer)
			want error
		}{
			{(*clienttest.Peer).Close, io.EOF},
			{(*clienttest.Peer).Reset, syscall.ECONNRESET},
			{func(p *clienttest.Peer) { p.Expect("PINGREQ"); time.Sleep(5 * time.Second) }, os.ErrDeadlineExceeded},
		} {
			peer := accept(l, nil)
			synctest.Wait()
			want(t, "state", c.State(), client.Up)
			want(t, "AwaitUp", c.AwaitUp(t.Context()), nil)
			test.end(peer)
			if err := <-downs; !errors.Is(err, test.want) {
				t.Errorf("down with %v, want %v", err, test.want)
			}
			want(t, "state", c.State(), client.Connecting)
		}
		peer := accept(l, nil)
		if l.Version == packets.V5 {
			peer.Send(&packets.Disconnect{Reason: packets.ServerShuttingDown})
			wantRefused(t, <-downs, packets.TypeDisconnect, packets.ServerShuttingDown)
			peer = accept(l, nil)
		}
		peer.Close()
		<-downs
		accept(l, nil)
		synctest.Wait()
		want(t, "Err", c.Err(), nil)
		connects := 5
		if l.Version == packets.V5 {
			connects++
		}
		want(t, "connects", c.Stats().Connects, uint64(connects))
	})
}

// The pause doubles from 100 ms to 30 s, less up to a half, and is short again after
// a connection that has lasted.
func TestBackoff(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		begin(t, l, client.Config{KeepAlive: -1})
		different := false
		failTo := func(n int) {
			last := time.Duration(0)
			for i := range n {
				start := time.Now()
				l.Refuse(nil)
				most := min(100*time.Millisecond<<max(0, i-1), 30*time.Second)
				if pause := time.Since(start); i > 0 && (pause < most/2 || pause > most) {
					t.Errorf("pause %d is %v, want %v to %v", i, pause, most/2, most)
				} else {
					different = different || i > 9 && pause != last && last != 0
					last = pause
				}
			}
		}
		failTo(14)
		if !different {
			t.Error("the pause is always the same: all clients of a server would come back together")
		}
		peer := accept(l, nil)
		time.Sleep(11 * time.Second)
		peer.Close()
		start := time.Now()
		accept(l, nil).Close() // does not last
		if pause := time.Since(start); pause > 100*time.Millisecond {
			t.Errorf("%v behind a connection that has lasted", pause)
		}
		start = time.Now()
		l.Refuse(nil)
		if pause := time.Since(start); pause < 100*time.Millisecond {
			t.Errorf("%v behind one that has not", pause)
		}
	})
}

// AwaitUp says why there is no connection yet.
func TestAwaitUp(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, client.Config{})
		l.Refuse(nil)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		synctest.Wait()
		err := c.AwaitUp(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%v: want the end of the context and that nobody listens", err)
		}
		up := async(func() error { return c.AwaitUp(t.Context()) })
		pending(t, up)
		go accept(l, nil).Ignore()
		want(t, "AwaitUp", <-up, nil)
		c.Close()
		want(t, "state", c.State(), client.Closed)
		wantError(t, c.AwaitUp(t.Context()), client.ErrClosed)
	})
}

func TestOutageOfTheExample(t *testing.T) { outage(t) }

// A server of 3.1 does not say whether it has the session. It is taken to go on, so
// that nothing at QoS 2 comes twice; the subscriptions are asked for in any case.
func TestSessionOf31GoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V31)
		c := begin(t, l, kept)
		peer := accept(l, &packets.Connack{})
		got := make(chan string, 10)
		subscribe(t, c, peer, "a", collect(got))
		peer.Send(message(2, 1, "a", "one"))
		peer.Expect("PUBREC packet-id=1")
		done := publish(c, 2, "b")
		peer.Expect(`PUBLISH qos=2 topic=b packet-id=2 payload="hi"`)
		peer.Close()

		peer = accept(l, &packets.Connack{})
		granted(peer, packets.GrantedQoS2)
		peer.Expect(`PUBLISH dup qos=2 topic=b packet-id=2 payload="hi"`)
		again := message(2, 1, "a", "one")
		again.Dup = true
		peer.Send(again, &packets.Pubrec{PacketID: 2})
		peer.Expect("PUBREC packet-id=1")
		peer.Expect("PUBREL packet-id=2")
		peer.Send(&packets.Pubcomp{PacketID: 2}, message(2, 3, "a", "two"))
		peer.Expect("PUBREC packet-id=3")
		want(t, "publish", <-done, nil)
		want(t, "message", <-got, "a=one")
		want(t, "message", <-got, "a=two")
	})
}
