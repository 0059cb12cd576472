package client_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
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

// put changes what s has, as a Client might have.
func put(t *testing.T, s store.Store, key uint64, value []byte) {
	t.Helper()
	var b store.Batch
	b.Put(key, value)
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
}

// message is the record of a message.
func message(id uint16, p *packets.Publish) []byte {
	p.PacketID = max(id, 1)
	return p.AppendTo(binary.BigEndian.AppendUint16(nil, id), packets.V5)
}

func accept(t *testing.T, c *client.Client, qos packets.QoS, topic string) *client.Delivery {
	t.Helper()
	d, err := c.PublishAsync(t.Context(), client.Message{Topic: topic, Payload: []byte("hi"), QoS: qos})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A Client has a Store, and nothing to put there.
func TestStoreIsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		c, peer := connect(t, storing(store.NewMemory()), nil)
		want(t, "time to connect", time.Since(begun), 0)
		done := async(c.Close)
		peer.Expect("DISCONNECT")
		peer.Close()
		want(t, "Close", <-done, nil)
	})
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
		failing := true
		m.Before = func(*store.Batch) error {
			if failing {
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
		if !strings.Contains(log.String(), errDisk.Error()) || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("the log says %q, want the error once", log.String())
		}
		failing = false
		want(t, "PublishAsync", <-done, nil)
		<-read
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
		failing := true
		m.Before = func(*store.Batch) error {
			if failing {
				return errDisk
			}
			return nil
		}
		async(func() error {
			_, err := c.PublishAsync(context.Background(), client.Message{Topic: "a", QoS: 1})
			return err
		})
		synctest.Wait()
		failing = false
		c.Close()
		want(t, "records", len(records(t, m)), 2)
	})
}

// Room is given back by a message that is not sent.
func TestStoreRoomOfAbandonedPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := storing(store.NewMemory())
		cfg.MaximumQueued, cfg.WhenFull = 1, client.Refuse
		c, peer := connect(t, cfg, window(1))
		for range 3 {
			ctx, cancel := context.WithCancel(t.Context())
			done := async(func() error { return c.Publish(ctx, client.Message{Topic: "a", QoS: 1}) })
			peer.Next()
			cancel()
			wantError(t, <-done, client.ErrUnknown, context.Canceled)
			_, err := c.PublishAsync(t.Context(), client.Message{Topic: "b", QoS: 1})
			wantError(t, err, client.ErrNotSent, client.ErrFull)
			peer.Send(&packets.Puback{PacketID: packetID})
			synctest.Wait()
		}
	})
}
