package client_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/packets"
)

// A Delivery is over once, for all who wait, and not before.
func TestDelivery(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, client.Config{})
		peer := accept(l, nil)
		for qos := range packets.QoS(3) {
			d := inTurn(t, c, client.Message{Topic: "a", QoS: qos})[0]
			var waiting []<-chan error
			if qos > 0 {
				for range 3 {
					waiting = append(waiting, async(func() error { return d.Wait(t.Context()) }))
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				want(t, "Wait", d.Wait(ctx), context.DeadlineExceeded)
				for _, done := range waiting {
					pending(t, done)
				}
				want(t, "Err before its time", d.Err(), nil)
			}
			p, _ := peer.Next().(*packets.Publish)
			acknowledge(peer, p)
			for _, done := range waiting {
				want(t, "Wait", <-done, nil)
			}
			<-d.Done()
			want(t, "Err", d.Err(), nil)
			want(t, "Wait again", d.Wait(t.Context()), nil)
		}
	})
}

// acknowledge takes the exchange of a PUBLISH to its end.
func acknowledge(peer *clienttest.Peer, p *packets.Publish) {
	switch id := p.PacketID; p.QoS {
	case packets.AtLeastOnce:
		peer.Send(&packets.Puback{PacketID: id})
	case packets.ExactlyOnce:
		peer.Send(&packets.Pubrec{PacketID: id})
		peer.Next()
		peer.Send(&packets.Pubcomp{PacketID: id})
	}
}

// A server that says no ends it too.
func TestDeliveryRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := clienttest.Listen(t, packets.V5)
		c := begin(t, l, client.Config{})
		peer := accept(l, nil)
		d := inTurn(t, c, client.Message{Topic: "a", QoS: 1})[0]
		peer.Next()
		peer.Send(&packets.Puback{PacketID: 1, Reason: packets.QuotaExceeded})
		wantRefused(t, d.Wait(t.Context()), packets.TypePuback, packets.QuotaExceeded)
	})
}

// The memory is the caller's again at once, and the order is that of the calls.
func TestPublishAsyncCopies(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, kept)
		payload, content := []byte("0"), []byte("0")
		var all []*client.Delivery
		for i := range 9 {
			payload[0], content[0] = byte('0'+i), byte('0'+i)
			m := client.Message{Topic: "a", QoS: packets.QoS(1 + i%2), Payload: payload}
			if l.Version == packets.V5 {
				m.Props.SetContentType(content)
				m.Props.SetCorrelationData(payload)
			}
			all = append(all, inTurn(t, c, m)...)
		}
		payload[0], content[0] = 'x', 'x'
		peer := accept(l, nil)
		var got []packets.Publish
		for i := range 9 {
			p, _ := peer.Next().(*packets.Publish)
			want(t, "payload", string(p.Payload), fmt.Sprint(i))
			if l.Version == packets.V5 {
				content, _ := p.Props.ContentType()
				correlation, _ := p.Props.CorrelationData()
				want(t, "properties", string(content)+string(correlation), strings.Repeat(fmt.Sprint(i), 2))
			}
			got = append(got, packets.Publish{QoS: p.QoS, PacketID: p.PacketID})
		}
		for i := range got {
			acknowledge(peer, &got[i])
			want(t, "outcome", all[i].Wait(t.Context()), nil)
		}
	})
}

// The room for messages is bounded by their number and by their bytes, and what comes
// of the next is for Config to say.
func TestPublishAsyncFull(t *testing.T) {
	big := strings.Repeat("x", 1000)
	for name, cfg := range map[string]client.Config{
		"number": {MaximumQueued: 2}, "bytes": {MaximumQueuedBytes: 3000},
	} {
		t.Run(name, func(t *testing.T) {
			worlds(t, func(t *testing.T, l *clienttest.Listener) {
				for _, full := range []client.Full{client.Wait, client.Refuse, client.DropOldest} {
					cfg.WhenFull = full
					c := begin(t, l, cfg)
					publish := func(topic string) (*client.Delivery, error) {
						return c.PublishAsync(t.Context(), client.Message{Topic: topic, QoS: 1, Payload: []byte(big)})
					}
					first, _ := publish("first")
					second, _ := publish("second")
					var third *client.Delivery
					waiting := async(func() (err error) { third, err = publish("third"); return err })
					var sent []string
					switch full {
					case client.Wait:
						pending(t, waiting)
						sent = []string{"first", "second", "third"}
					case client.Refuse:
						wantError(t, <-waiting, client.ErrNotSent, client.ErrFull)
						sent = []string{"first", "second"}
					case client.DropOldest:
						want(t, "third", <-waiting, nil)
						wantError(t, first.Wait(t.Context()), client.ErrNotSent, client.ErrFull)
						want(t, "dropped", c.Stats().Dropped, 1)
						sent = []string{"second", "third"}
					}
					peer := accept(l, nil)
					for _, topic := range sent {
						p, _ := peer.Next().(*packets.Publish)
						want(t, "topic", string(p.Topic), topic)
						acknowledge(peer, p)
					}
					synctest.Wait()
					want(t, "second", second.Err(), nil)
					if full != client.Refuse {
						want(t, "third", third.Wait(t.Context()), nil)
					}
					want(t, "waiting", c.Stats().Waiting, 0)
					go peer.Ignore()
					c.Close()
				}
			})
		})
	}
}

// One that waits for room gives up with its context, or with the Client.
func TestPublishAsyncGivesUp(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, client.Config{MaximumQueued: 1})
		first := inTurn(t, c, client.Message{Topic: "a", Payload: make([]byte, 1<<20)})[0] // however large
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.PublishAsync(ctx, client.Message{Topic: "a"})
		wantError(t, err, client.ErrNotSent, context.DeadlineExceeded)
		waiting := async(func() error { _, err := c.PublishAsync(t.Context(), client.Message{Topic: "a"}); return err })
		pending(t, waiting)
		c.Close()
		wantError(t, <-waiting, client.ErrNotSent, client.ErrClosed)
		wantError(t, first.Wait(t.Context()), client.ErrNotSent, client.ErrClosed)
		_, err = c.PublishAsync(t.Context(), client.Message{Topic: "a"})
		wantError(t, err, client.ErrNotSent, client.ErrClosed)
		_, err = c.PublishAsync(t.Context(), client.Message{})
		wantError(t, err, client.ErrInvalid)
	})
}

// Many wait for room for one, and all get it.
func TestPublishAsyncRoomForAll(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, client.Config{MaximumQueued: 2, MaximumQueuedBytes: 1000})
		peer := accept(l, nil)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				d, err := c.PublishAsync(t.Context(), client.Message{Topic: "a", QoS: 1})
				if err == nil {
					err = d.Wait(t.Context())
				}
				want(t, "outcome", err, nil)
			})
		}
		for range 50 {
			p, _ := peer.Next().(*packets.Publish)
			acknowledge(peer, p)
		}
		all.Wait()
	})
}

// Who waits again and again, a moment each, leaves nothing behind.
func TestWaitLeavesNothingBehind(t *testing.T) {
	c, _ := connect(t, client.Config{}, nil)
	defer c.Close()
	d, err := c.PublishAsync(t.Context(), client.Message{Topic: "a", QoS: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for range 20_000 {
		d.Wait(ctx)
	}
	if grown := heap() - before; grown > 256<<10 {
		t.Errorf("%d bytes", grown)
	}
	runtime.KeepAlive(d)
}

// What has waited longest is dropped, at whatever QoS.
func TestDropOldest(t *testing.T) {
	worlds(t, func(t *testing.T, l *clienttest.Listener) {
		c := begin(t, l, client.Config{MaximumQueued: 3, WhenFull: client.DropOldest})
		var all []*client.Delivery
		for _, qos := range []packets.QoS{0, 1, 2, 1, 0} {
			d, err := c.PublishAsync(t.Context(), client.Message{Topic: "a", QoS: qos})
			want(t, "publish", err, nil)
			all = append(all, d)
		}
		for i, d := range all {
			want(t, "dropped", d.Err() != nil, i < 2)
		}
	})
}
