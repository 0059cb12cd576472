package client_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/clienttest"
	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
)

var errDisk = errors.New("no space left")

// storing is a Config with that Store.
func storing(s store.Store) client.Config {
	return client.Config{Version: packets.V5, ClientID: "x", KeepSession: true, KeepAlive: -1, Store: s}
}

// records is what s has, by key.
func records(t *testing.T, s store.Store) map[uint64]string {
	t.Helper()
	all := map[uint64]string{}
	err := s.Load(func(key uint64, value []byte) error { all[key] = string(value); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func accepted(t *testing.T, c *client.Client, qos packets.QoS, topic string) *client.Delivery {
	t.Helper()
	d, err := c.PublishAsync(t.Context(), client.Message{Topic: topic, Payload: []byte("hi"), QoS: qos})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// While the Store fails nothing is accepted, and nothing is sent that depends on it;
// when it works again all goes on.
func TestStoreFailsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		var log bytes.Buffer
		cfg := storing(m)
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		cfg.Handler = func(*client.Message) error { return nil }
		c, peer := connect(t, cfg, nil)
		var failing atomic.Bool
		failing.Store(true)
		m.Before = func(*store.Batch) error {
			if failing.Load() {
				return errDisk
			}
			return nil
		}
		done := async(func() error {
			_, err := c.PublishAsync(t.Context(), client.Message{Topic: "a", Payload: []byte("hi"), QoS: 1})
			return err
		})
		synctest.Wait()
		peer.Send(&packets.Publish{QoS: 2, PacketID: 7, Topic: []byte("b")})
		read := make(chan struct{})
		go func() { // neither PUBLISH nor PUBREC before that
			defer close(read)
			peer.Expect(`PUBLISH qos=1 topic=a packet-id=1 payload="hi"`)
			peer.Expect("PUBREC packet-id=7")
		}()
		time.Sleep(10 * time.Second)
		pending(t, done)
		select {
		case <-read:
			t.Error("it is sent and not stored")
		default:
		}
		if strings.Count(log.String(), errDisk.Error()) != 1 {
			t.Errorf("the log says %q, want the error once", log.String())
		}
		failing.Store(false)
		want(t, "PublishAsync", <-done, nil)
		<-read
		synctest.Wait()
		if !strings.Contains(log.String(), "works again") {
			t.Errorf("the log says %q", log.String())
		}
	})
}

// What could not be stored when the Client ends is not taken for stored because
// something behind it could.
func TestStoreFailsUntilClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		c, peer := connect(t, storing(m), nil)
		go peer.Ignore()
		m.Before = func(b *store.Batch) error {
			for op := range b.All() {
				if bytes.Contains(op.Value, []byte("first")) {
					return errDisk
				}
			}
			return nil
		}
		publish := func(topic string) <-chan error {
			done := async(func() error {
				_, err := c.PublishAsync(context.Background(), client.Message{Topic: topic, QoS: 1})
				return err
			})
			synctest.Wait()
			return done
		}
		first, second := publish("first"), publish("second")
		c.Close()
		wantError(t, <-first, client.ErrUnknown, client.ErrClosed)
		wantError(t, <-second, client.ErrUnknown, client.ErrClosed)
		want(t, "records", len(records(t, m)), 1)
	})
}

// A Store that works again in time has what came before Close.
func TestCloseTriesTheStoreOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		c, peer := connect(t, storing(m), nil)
		go peer.Ignore()
		var failing atomic.Bool
		failing.Store(true)
		m.Before = func(*store.Batch) error {
			if failing.Load() {
				return errDisk
			}
			return nil
		}
		async(func() error {
			_, err := c.PublishAsync(context.Background(), client.Message{Topic: "a", QoS: 1})
			return err
		})
		synctest.Wait()
		failing.Store(false)
		c.Close()
		want(t, "records", len(records(t, m)), 2)
	})
}

// Room is given back by a message that is not sent.
func TestStoreRoomOfAbandonedPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := storing(store.NewMemory())
		cfg.MaximumQueued, cfg.WhenFull = 2, client.Refuse
		c, peer := connect(t, cfg, window(1))
		accepted(t, c, 1, "first")
		peer.Expect(`PUBLISH qos=1 topic=first packet-id=1 payload="hi"`)
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			done := async(func() error { return c.Publish(ctx, client.Message{Topic: "a", QoS: 1}) })
			pending(t, done)
			cancel()
			wantError(t, <-done, client.ErrNotSent, context.Canceled)
		}
		go peer.Ignore()
		c.Close()
	})
}

// PUBREL does not go out before the PUBREC is stored, if that comes twice either.
func TestStorePubrecTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		c, peer := connect(t, storing(m), nil)
		accepted(t, c, 2, "a")
		peer.Expect(`PUBLISH qos=2 topic=a packet-id=1 payload="hi"`)
		free := make(chan struct{})
		m.Before = func(*store.Batch) error { <-free; return nil }
		peer.Send(&packets.Pubrec{PacketID: 1}, &packets.Pubrec{PacketID: 1})
		released := async(func() error { peer.Expect("PUBREL packet-id=1"); return nil })
		pending(t, released)
		close(free)
		<-released
		peer.Expect("PUBREL packet-id=1")
		go peer.Ignore()
		c.Close()
	})
}

// The server loses the session, and the Store fails for longer than a connection may
// take to be made: the next connection finds the session that the one before it made.
func TestStoreFailsWhenTheSessionIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, l := store.NewMemory(), clienttest.Listen(t, packets.V5)
		cfg := storing(m)
		cfg.Dialer = l.Dial
		c, err := client.Start(t.Context(), "server", cfg)
		if err != nil {
			t.Fatal(err)
		}
		peer := l.Accept()
		peer.Accept(nil)
		done := async(func() error { return c.Subscribe(t.Context(), "s", 1, func(*client.Message) error { return nil }) })
		want(t, "packet", peer.Next().Type(), packets.TypeSubscribe)
		peer.Send(&packets.Suback{PacketID: 1, Reasons: []packets.ReasonCode{1}})
		want(t, "Subscribe", <-done, nil)

		var failing atomic.Bool
		failing.Store(true)
		m.Before = func(*store.Batch) error {
			if failing.Load() {
				return errDisk
			}
			return nil
		}
		go c.PublishAsync(context.Background(), client.Message{Topic: "a", QoS: 1})
		synctest.Wait()
		peer.Close()
		peer = l.Accept()
		peer.Accept(nil)
		peer.ExpectEnd()
		failing.Store(false)
		peer = l.Accept()
		peer.Accept(present())
		want(t, "packet", peer.Next().Type(), packets.TypeSubscribe)
		go peer.Ignore()
		c.Close()
	})
}

// What is over when the Client is closed is not sent again by the next one, which may
// have the Store at once. What is not over is no failure.
func TestStoreAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		var log bytes.Buffer
		cfg := storing(m)
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		for _, topic := range []string{"a", "b"} {
			c, peer := connect(t, cfg, present())
			if topic == "b" { // the one before is on its way, and is not published
				peer.Expect(`PUBLISH dup qos=1 topic=open packet-id=2 payload="hi"`)
				go peer.Ignore()
				c.Close()
				continue
			}
			done := accepted(t, c, 1, topic)
			accepted(t, c, 1, "open")
			peer.Expect(`PUBLISH qos=1 topic=a packet-id=1 payload="hi"`)
			peer.Expect(`PUBLISH qos=1 topic=open packet-id=2 payload="hi"`)
			peer.Send(&packets.Puback{PacketID: 1})
			want(t, "outcome", done.Wait(t.Context()), nil)
			go peer.Ignore()
			c.Close()
		}
		synctest.Wait()
		if strings.Contains(log.String(), "not published") {
			t.Errorf("the log says %s", log.String())
		}
		want(t, "records", len(records(t, m)), 2)
	})
}

// A Store that hangs holds up nobody who has a context, and the Client has it until Done.
func TestStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		c, peer := connect(t, storing(m), nil)
		go peer.Ignore()
		free := make(chan struct{})
		m.Before = func(*store.Batch) error { <-free; return nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.PublishAsync(ctx, client.Message{Topic: "a", QoS: 1})
		wantError(t, err, client.ErrUnknown, context.DeadlineExceeded)
		err = c.Publish(ctx, client.Message{Topic: "a", QoS: 1})
		wantError(t, err, client.ErrNotSent, context.DeadlineExceeded)
		want(t, "QoS 0", c.Publish(t.Context(), client.Message{Topic: "a"}), nil)
		wantError(t, c.Close(), client.ErrClosed, context.DeadlineExceeded)
		done := async(func() error { <-c.Done(); return nil })
		pending(t, done)
		close(free)
		<-done
		want(t, "records", len(records(t, m)), 2)
	})
}
