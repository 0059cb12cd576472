package client_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// receive wants the next message to be this one.
func receive(t *testing.T, c *client.Client, payload string) {
	t.Helper()
	m, err := c.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want(t, "message", string(m.Payload), payload)
}

// A message that nobody has received is not acknowledged, so that the server
// stops at Receive Maximum.
func TestReceiveHoldsTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{Version: packets.V5, ReceiveMaximum: 2}, nil)
		subscribe(t, c, peer, "#", nil)
		peer.Send(message(1, 1, "a", "one"), message(2, 2, "a", "two"))
		acked := async(func() error { peer.Expect("PUBACK packet-id=1"); return nil })
		pending(t, acked)
		receive(t, c, "one")
		<-acked
		peer.Send(message(1, 3, "a", "three"))
		receive(t, c, "two")
		peer.Expect("PUBREC packet-id=2")
		receive(t, c, "three")
		peer.Expect("PUBACK packet-id=3")
	})
}

func TestReceiveEndsWithItsContextAndTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{}, nil)
		subscribe(t, c, peer, "#", nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Receive(ctx); err != context.DeadlineExceeded {
			t.Errorf("got %v, want the end of the context", err)
		}
		peer.Send(message(0, 0, "a", "one"), message(1, 1, "a", "two"))
		peer.Close()
		<-c.Done()
		receive(t, c, "one") // what has come is there
		receive(t, c, "two")
		_, err := c.Receive(t.Context())
		wantError(t, err, client.ErrClosed)
	})
}

// The server sends it again for a kept session: receiving it now would be twice.
func TestReceiveLeavesWhatComesAgain(t *testing.T) {
	c, peer := connect(t, client.Config{ClientID: "x", KeepSession: true}, &packets.Connack{SessionPresent: true})
	peer.Send(message(2, 1, "a", "comes again"), message(0, 0, "a", "does not"))
	peer.Close()
	<-c.Done()
	receive(t, c, "does not")
	_, err := c.Receive(t.Context())
	wantError(t, err, client.ErrClosed)
}

// Messages of a kept session come before anyone can subscribe again.
func TestKeptSession(t *testing.T) {
	present := &packets.Connack{SessionPresent: true}
	c, peer := connect(t, client.Config{ClientID: "x", KeepSession: true}, present)
	want(t, "session present", c.SessionPresent(), true)
	peer.Send(message(1, 1, "a", "kept"))
	receive(t, c, "kept")

	got := make(chan string)
	_, peer = connect(t, client.Config{ClientID: "x", KeepSession: true, Handler: collect(got)}, present)
	peer.Send(message(1, 1, "a", "kept"))
	want(t, "message", <-got, "a=kept")
}

// QoS 0 has no window: the transport holds it back instead, but for those who
// wait for an answer that stands behind it.
func TestUnreadMessagesHoldTheTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{KeepAlive: 10 * time.Second}, nil)
		subscribe(t, c, peer, "#", nil)
		big := message(0, 0, "a", string(make([]byte, 300<<10)))
		for range 4 {
			peer.Send(big)
		}
		held := async(func() error { peer.Send(big); return nil })
		pending(t, held)
		for range 20 { // and the silence is not that of the server
			peer.Expect("PINGREQ")
		}
		pending(t, held)
		published := async(func() error { return c.Publish(t.Context(), client.Message{Topic: "p", QoS: 1}) })
		<-held
		peer.Expect(`PUBLISH qos=1 topic=p packet-id=2 payload=""`)
		peer.Send(big, &packets.Puback{PacketID: 2})
		want(t, "publish", <-published, nil)
		for range 6 {
			if _, err := c.Receive(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		want(t, "dropped", c.Stats().Missed, uint64(0))
	})
}

// Messages come while the body of a loop has one.
func TestMessagesComeDuringALoop(t *testing.T) {
	const most = 2000
	c, peer := connect(t, client.Config{}, nil)
	go func() {
		granted(peer, packets.GrantedQoS2)
		peer.Send(slices.Repeat([]packets.Packet{message(0, 0, "a", "x")}, most)...)
		unsubscribed(peer, 1)
	}()
	seen := 0
	for _, err := range c.Messages(t.Context(), "a") {
		want(t, "error", err, nil)
		if seen++; seen == most {
			break
		}
	}
	want(t, "messages", seen, most)
}

// A server that floods a client that waits for it does not fill its memory.
func TestFloodIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{}, nil)
		subscribe(t, c, peer, "#", nil)
		pinged := async(func() error { return c.Ping(t.Context()) })
		peer.Expect("PINGREQ")
		big := message(0, 0, "a", string(make([]byte, 1<<20)))
		for range 20 {
			peer.Send(big)
		}
		peer.Send(new(packets.Pingresp))
		want(t, "ping", <-pinged, nil)
		want(t, "dropped", c.Stats().Missed, uint64(4))
		go peer.Ignore()
		c.Close()
	})
}

// QoS 1 and 2 are not dropped: there the connection ends, and what has come is
// there.
func TestFloodEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{Version: packets.V5}, nil)
		subscribe(t, c, peer, "#", nil)
		published := publish(c, 1, "p")
		peer.Expect(`PUBLISH qos=1 topic=p packet-id=2 payload="hi"`)
		big := message(1, 0, "a", string(make([]byte, 1<<20)))
		for range 65 {
			big.PacketID++
			peer.Send(big, message(0, 0, "a", "dropped when there is much"))
		}
		peer.Expect("DISCONNECT reason=0x97")
		peer.ExpectEnd()
		wantError(t, <-published, client.ErrUnknown, client.ErrClosed)
		if err := c.Err(); !strings.Contains(err.Error(), "64 MiB") {
			t.Errorf("%v: does not say what was too much", err)
		}
		tracked := 0
		for {
			m, err := c.Receive(t.Context())
			if err != nil {
				wantError(t, err, client.ErrClosed)
				break
			}
			tracked += int(m.QoS)
		}
		want(t, "messages of QoS 1", tracked, 64)
	})
}

// A server that reads nothing does not fill the memory with what it asks for.
func TestUnreadAnswersHoldTheTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := connect(t, client.Config{}, nil)
		publish(c, 0, "waits") // which does not matter
		release := (&packets.Pubrel{PacketID: 1}).AppendTo(nil, packets.V311)
		held := async(func() error { peer.Write(bytes.Repeat(release, 1<<19)); return nil })
		pending(t, held)
		go peer.Ignore()
		<-held
	})
}

func TestTopicAlias(t *testing.T) {
	c, peer := connect(t, client.Config{Version: packets.V5, TopicAliasMaximum: 1}, nil)
	subscribe(t, c, peer, "a", nil)
	m := message(0, 0, "a", "one")
	m.Props.SetTopicAlias(1)
	m.Props.SetContentType([]byte("text/plain"))
	peer.Send(m)
	m.Topic, m.Payload = nil, []byte("two")
	peer.Send(m)
	for _, payload := range []string{"one", "two"} {
		got, err := c.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		content, _ := got.Props.ContentType()
		want(t, "message", got.Topic+"="+string(got.Payload)+" "+string(content), "a="+payload+" text/plain")
		if got.Props.Has().Has(packets.PropTopicAlias) {
			t.Error("the alias is there, and means nothing any more")
		}
	}
}
