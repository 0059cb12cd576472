package client_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// loop iterates over the messages of a, and asks body whether to go on.
func loop(ctx context.Context, c *client.Client, body func(*client.Message) bool) <-chan error {
	return async(func() error {
		for m, err := range c.Messages(ctx, "a") {
			if err != nil {
				return err
			}
			if !body(m) {
				break
			}
		}
		return nil
	})
}

// A message is acknowledged when the body has ended, in any way that is no failure.
func TestLoop(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		proceed := make(chan bool)
		looped := loop(t.Context(), c, func(m *client.Message) bool { return <-proceed })
		granted(peer, packets.GrantedQoS2)
		peer.Send(message(1, 1, "a", "one"), message(2, 2, "a", "two"), message(1, 3, "a", "behind the end"))
		acked := async(func() error { peer.Expect("PUBACK packet-id=1"); return nil })
		pending(t, acked)
		proceed <- true
		<-acked
		proceed <- false
		peer.Expect("PUBREC packet-id=2")
		unsubscribed(peer, 1)
		want(t, "loop", <-looped, nil)
		peer.Expect("PUBACK packet-id=3") // without being seen
	})
}

// The context and the end of the Client end the loop, and it unsubscribes where it can.
func TestLoopEnds(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		looped := loop(ctx, c, func(m *client.Message) bool { return true })
		granted(peer, packets.GrantedQoS2)
		unsubscribed(peer, 1)
		want(t, "loop", <-looped, context.DeadlineExceeded)

		looped = loop(t.Context(), c, func(m *client.Message) bool { return true })
		granted(peer, packets.GrantedQoS2)
		synctest.Wait()
		go peer.Ignore()
		c.Close()
		wantError(t, <-looped, client.ErrClosed)
	})
}

func TestLoopRefused(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		looped := loop(t.Context(), c, func(m *client.Message) bool { t.Error(m); return true })
		granted(peer, packets.UnspecifiedError)
		wantRefused(t, <-looped, packets.TypeSuback, packets.UnspecifiedError)
	})
}

// A body that panics has not handled its message: the connection is made anew, and the
// message comes again.
func TestLoopPanics(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		looped := async(func() (err error) {
			defer func() { err = fmt.Errorf("%v", recover()) }()
			for range c.Messages(t.Context(), "a") {
				panic("in the body")
			}
			return nil
		})
		granted(peer, packets.GrantedQoS2)
		peer.Send(message(1, 1, "a", "one"))
		peer.Ignore()
		peer = accept(l, present())
		unsubscribed(peer, 1)
		want(t, "panic", (<-looped).Error(), "in the body")
	})
}

// The second of two loops over a filter has its messages, and the first may be left.
func TestTwoLoops(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		peer := accept(l, nil)
		ctx, cancel := context.WithCancel(t.Context())
		first := loop(ctx, c, func(m *client.Message) bool { t.Errorf("to the first: %s", m.Payload); return true })
		granted(peer, packets.GrantedQoS2)
		second := loop(t.Context(), c, func(m *client.Message) bool { return false })
		granted(peer, packets.GrantedQoS2)
		synctest.Wait()
		cancel()
		want(t, "first", <-first, context.Canceled) // and it does not unsubscribe
		peer.Send(message(1, 1, "a", "one"))
		peer.Expect("PUBACK packet-id=1")
		unsubscribed(peer, 1)
		want(t, "second", <-second, nil)
	})
}

// The loop goes on over connections, and with lost sessions.
func TestLoopOutlivesTheConnection(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		got := make(chan string, 10)
		peer := accept(l, nil)
		loop(t.Context(), c, func(m *client.Message) bool { got <- string(m.Payload); return true })
		granted(peer, packets.GrantedQoS2)
		peer.Send(message(1, 1, "a", "one"))
		peer.Expect("PUBACK packet-id=1")
		peer.Close()
		peer = accept(l, nil)
		granted(peer, packets.GrantedQoS2)
		peer.Send(message(1, 1, "a", "two"))
		peer.Expect("PUBACK packet-id=1")
		want(t, "messages", (<-got)+(<-got), "onetwo")
	})
}

// Messages that come while the body is at work are seen in order, and acknowledged so.
func TestLoopKeepsUp(t *testing.T) {
	const n = 500
	l := clienttest.Listen(t, packets.V5)
	c := begin(t, l, kept)
	peer := accept(l, nil)
	last := 0
	looped := loop(t.Context(), c, func(m *client.Message) bool {
		last++
		want(t, "message", string(m.Payload), fmt.Sprint(last))
		return last < n
	})
	granted(peer, packets.GrantedQoS2)
	go func() {
		for i := range n {
			peer.Send(message(1, uint16(i+1), "a", fmt.Sprint(i+1)))
		}
	}()
	for i := range n {
		peer.Expect(fmt.Sprintf("PUBACK packet-id=%d", i+1))
	}
	unsubscribed(peer, 1)
	want(t, "loop", <-looped, nil)
}
