package journal

import (
	"errors"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/packets"
)

// FuzzLoad: whatever stands in a store, Load says which record means nothing, or gives
// it; a message that it gives can be told from others, and dropped.
func FuzzLoad(f *testing.F) {
	s := new(store.Memory)
	j := New(s, 1, 1<<20, nobody)
	g := j.Begin()
	g.Session(&Session{Number: 1, ClientID: "a", Left: time.UnixMilli(1)}, &packets.Publish{Topic: []byte("t")}, 5)
	g.Subscribe(1, &Subscription{Filter: "f", QoS: 2, Identifiers: []uint32{1}})
	g.Replay(1, &Replay{Filter: "f", QoS: 1, Identifiers: []uint32{1}, After: "t"})
	g.Hold(1, 1)
	g.Release(1, 1, 1)
	g.Retain(&packets.Publish{Topic: []byte("t")}, "from", time.UnixMilli(1))
	terms := Terms{QoS: 1, PacketID: 1, Identifiers: []uint32{1}, Group: "g"}
	g.Message(j.Next(), &packets.Publish{Topic: []byte("t")}, "", time.Time{}, []Recipient{{1, terms}})
	g.Message(j.Next(), &packets.Publish{Topic: []byte("t")}, "", time.UnixMilli(1), []Recipient{{1, terms}, {2, terms}})
	j.End()
	j.Close(nil)
	s = s.Restart()
	s.Scan(nil, func(key, value []byte) error {
		f.Add(key, value)
		f.Add(key[:1], value)
		f.Add(key, append(value[:0:0], 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1))
		return nil
	})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		s := new(store.Memory)
		var b store.Batch
		b.Set(key, value)
		if err := s.Commit(&b); err != nil {
			t.Fatal(err)
		}
		j := New(s, 1, 1<<20, nobody)
		defer j.Close(nil)
		c := collect()
		c.all = true // nothing is taken out: Memory would not have that of what has been Set
		var broken *RecordError
		if err := j.Load(c); err != nil && !errors.As(err, &broken) {
			t.Errorf("Load: %v", err)
		}
		for _, all := range c.messages {
			for _, m := range all {
				if m.Terms.QoS == 0 || m.Terms.QoS > 2 || m.Terms.PacketID == 0 {
					t.Errorf("%+v cannot be sent", m)
				}
				if len(all) > 1 && !m.Ref.Shared {
					t.Errorf("%v is dropped by one, and %d have it", m.Ref, len(all))
				}
			}
		}
		if _, err := j.Expired(time.Now(), func(uint64, Ref) {}); err != nil && !errors.As(err, &broken) {
			t.Errorf("Expired: %v", err)
		}
	})
}
