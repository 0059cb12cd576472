package broker

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/packets"
)

// slowStore takes a second for each commit.
type slowStore struct{ *store.Memory }

func (s slowStore) Commit(b *store.Batch) error {
	time.Sleep(time.Second)
	return s.Memory.Commit(b)
}

// runSlowly is run with a store that is slow.
func runSlowly(t *testing.T, config Config, f func(w *world)) {
	t.Helper()
	config.Engine, config.Loops, config.Store = EventLoops, 2, slowStore{new(store.Memory)}
	runOne(t, config, f)
}

// What is refused is not held, so PUBREL has nothing to take out of the store.
func TestRefusedIsNotStored(t *testing.T) {
	r := &rules{taboo: []string{"taboo"}}
	for _, v := range versions {
		run(t, Config{Authorize: r.authorize}, func(w *world) {
			p := w.join(v, "p", keeping(forever))
			for range 2 {
				p.send(message("taboo", "m", 2))
				if _, ok := p.next().(*packets.Pubrec); !ok {
					w.Fatal("no PUBREC")
				}
				p.send(&packets.Pubrel{PacketID: 1})
				if _, ok := p.next().(*packets.Pubcomp); !ok {
					w.Fatal("no PUBCOMP")
				}
			}
		})
	}
}

// What is refused while an earlier message is not stored yet is not in the store
// either, if its peer does not wait for PUBREC, or its session ends.
func TestRefusedBehindWhatIsNotStored(t *testing.T) {
	r := &rules{taboo: []string{"taboo"}}
	for _, ends := range []bool{false, true} {
		runSlowly(t, Config{Authorize: r.authorize}, func(w *world) {
			p := w.join(packets.V5, "p", keeping(forever))
			p.send(message("fine", "m", 2), message("taboo", "m", 2, numbered(2)))
			w.settle()
			if ends {
				if err := w.b.EndSession("p"); err != nil {
					w.Fatal(err)
				}
				return
			}
			p.send(&packets.Pubrel{PacketID: 2})
			p.want("PUBREC packet-id=1 reason=0x10", "PUBCOMP packet-id=2")
		})
	}
}

// What is stored and means nothing is an error at once, though nothing can be written.
func TestRestoreWhileTheStoreIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := new(store.Memory)
		var b store.Batch
		b.Put(append([]byte("h"), 0, 0, 0, 0, 0, 0, 0, 9, 0, 1), nil) // of a session that is not there
		b.Set([]byte("rtopic"), []byte("no message"))
		if err := st.Commit(&b); err != nil {
			t.Fatal(err)
		}
		st.Refuse(errors.New("no space left on device"))
		_, err := New(Config{Store: st})
		var record *journal.RecordError
		if !errors.As(err, &record) || string(record.Key) != "rtopic" {
			t.Errorf("New: %v", err)
		}
		st.Close()
	})
}
