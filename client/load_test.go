package client_test

import (
	"context"
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
)

// put changes what s has, as a Client might have.
func put(t *testing.T, s store.Store, key uint64, value []byte) {
	t.Helper()
	var b store.Batch
	b.Put(key, value)
	if err := s.Commit(&b); err != nil {
		t.Fatal(err)
	}
}

// messageRecord is the record of a message.
func messageRecord(id uint16, p *packets.Publish) []byte {
	p.PacketID = max(id, 1)
	return p.AppendTo(binary.BigEndian.AppendUint16(nil, id), packets.V5)
}

func TestStoreThatCannotBe(t *testing.T) {
	publish := func(qos packets.QoS) *packets.Publish { return &packets.Publish{QoS: qos, Topic: []byte("a")} }
	const released, outgoing, held = keptReleased << 56, keptMessage << 56, keptHeld << 56
	for _, test := range []struct {
		key   uint64
		value []byte
		want  string
	}{
		{0, []byte("y"), `ClientID "x": the Store has the session of "y"`},
		{9 << 56, nil, "key 900000000000000 is none of this version"},
		{released | 1, nil, "key 100000000000001 is damaged"},
		{released | 1, []byte{0, 0}, "key 100000000000001 is damaged"},
		{outgoing | 1, []byte{1}, "key 200000000000001 is damaged"},
		{outgoing | 1, messageRecord(1, publish(1))[:5], "key 200000000000001 is damaged"},
		{outgoing | 1, messageRecord(0, publish(1)), "key 200000000000001 is damaged"},
		{outgoing | 1, messageRecord(1, publish(0)), "key 200000000000001 is damaged"},
		{outgoing | 1, []byte("\x00\x01\xc0\x00"), "key 200000000000001 is damaged"},
		{outgoing | 2, messageRecord(5, publish(1)), "key 200000000000002 is damaged"}, // 5 is there already
		{held, nil, "key 300000000000000 is damaged"},
		{held | 1<<16, nil, "key 300000000010000 is damaged"},
	} {
		m := store.NewMemory()
		put(t, m, outgoing, messageRecord(5, publish(1)))
		put(t, m, test.key, test.value)
		_, err := client.Start(t.Context(), "nowhere", storing(m))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "%!") {
			t.Errorf("%x: %q: got %v, want %s", test.key, test.value, err, test.want)
		}
		if test.key == 0 {
			wantError(t, err, client.ErrInvalid)
		}
	}
	for _, cfg := range []client.Config{
		{ClientID: "x", Store: store.NewMemory()},
		{KeepSession: true, Version: packets.V5, Store: store.NewMemory()},
		{ClientID: "x", KeepSession: true, Store: store.NewMemory(), MaximumQueued: 32_769},
	} {
		_, err := client.Start(t.Context(), "nowhere", cfg)
		wantError(t, err, client.ErrInvalid)
	}
}

// What an earlier process has left counts against MaximumQueued.
func TestStoreRestoredCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		put(t, m, keptReleased<<56|1, []byte{0, 9})
		put(t, m, keptMessage<<56|1, messageRecord(65535, &packets.Publish{QoS: 2, Topic: []byte("a")}))
		cfg := storing(m)
		cfg.MaximumQueued, cfg.WhenFull = 2, client.Refuse
		c, peer := connect(t, cfg, present())
		peer.Expect("PUBREL packet-id=9")
		peer.Expect("PUBLISH dup qos=2 topic=a packet-id=65535 payload=\"\"")
		_, err := c.PublishAsync(t.Context(), client.Message{Topic: "b", QoS: 1})
		wantError(t, err, client.ErrNotSent, client.ErrFull)
		peer.Send(&packets.Pubcomp{PacketID: 9})
		synctest.Wait()
		accepted(t, c, 1, "b")
		peer.Expect(`PUBLISH qos=1 topic=b packet-id=1 payload="hi"`)
	})
}

// The identifier of a stored message is that of no other, though it is not in use on
// the connection, and comes round again.
func TestStoreIdentifiersAreReserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		for i, id := range []uint16{9, 5, 4} {
			put(t, m, keptMessage<<56|uint64(i), messageRecord(id, &packets.Publish{QoS: 1, Topic: []byte("a")}))
		}
		ack := window(1) // and no session
		c, peer := connect(t, storing(m), ack)
		go peer.Ignore()
		accepted(t, c, 1, "b")
		c.Close()
		cfg := storing(m)
		cfg.Dialer = nobody
		c, err := client.Start(t.Context(), "nowhere", cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		want(t, "records", len(records(t, m)), 1+4)
	})
}

// As many messages as there may be, with identifiers that come round, and a SUBSCRIBE
// between them.
func TestStoreIsFull(t *testing.T) {
	const most = 32_768
	synctest.Test(t, func(t *testing.T) {
		m := store.NewMemory()
		put(t, m, keptMessage<<56, messageRecord(40_000, &packets.Publish{QoS: 1, Topic: []byte("a")}))
		cfg := storing(m)
		cfg.MaximumQueued, cfg.WhenFull, cfg.MaximumQueuedBytes = most, client.Refuse, 1<<30
		cfg.Dialer = nobody
		c, err := client.Start(t.Context(), "nowhere", cfg)
		if err != nil {
			t.Fatal(err)
		}
		for range most - 1 {
			accepted(t, c, 1, "b")
		}
		_, err = c.PublishAsync(t.Context(), client.Message{Topic: "b", QoS: 1})
		wantError(t, err, client.ErrNotSent, client.ErrFull)
		c.Close()

		c, peer := connect(t, cfg, present())
		done := async(func() error {
			return c.Subscribe(t.Context(), "s", 1, func(*client.Message) error { return nil })
		})
		for sent, id := 0, uint16(40_000); sent < most || done != nil; {
			switch p := peer.Next().(type) {
			case *packets.Publish:
				if p.PacketID != id {
					t.Fatalf("message %d has identifier %d, want %d", sent, p.PacketID, id)
				}
				peer.Send(&packets.Puback{PacketID: p.PacketID})
				sent++
				if id++; id == 0 {
					id++
				}
			case *packets.Subscribe:
				peer.Send(&packets.Suback{PacketID: p.PacketID, Reasons: []packets.ReasonCode{1}})
				want(t, "Subscribe", <-done, nil)
				done = nil
			}
		}
		accepted(t, c, 1, "b")
		go peer.Ignore()
		c.Close()
		want(t, "records", len(records(t, m)), 2)
	})
}

// nobody is a Dialer for a world without a network.
func nobody(context.Context, string, string) (net.Conn, error) { return nil, errDisk }
