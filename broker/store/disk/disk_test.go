package disk

import (
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/broker/store/storetest"
)

func open(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	for name, o := range map[string]Options{"written": {}, "fsync": {Durability: Fsync}} {
		t.Run("durability="+name, func(t *testing.T) {
			storetest.Run(t,
				func(t *testing.T) store.Store { return open(t, t.TempDir(), o) },
				func(t *testing.T, s store.Store) store.Store {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
					return open(t, s.(*Store).dir, o)
				})
		})
	}
}

// A value is the same whether it is in memory, in a young file or in an old one,
// and with its drops in another place than itself.
func TestStoreRewritten(t *testing.T) {
	fresh := func(t *testing.T, dir string) store.Store {
		return &rewriting{Store: open(t, dir, Options{}), t: t}
	}
	storetest.Run(t,
		func(t *testing.T) store.Store { return fresh(t, t.TempDir()) },
		func(t *testing.T, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			return fresh(t, s.(*rewriting).dir)
		})
}

// rewriting writes to files what it has in memory, and files to other files, more
// often than Pebble would.
type rewriting struct {
	*Store
	t *testing.T
	n atomic.Int64
}

func (r *rewriting) Commit(b *store.Batch) error {
	err := r.Store.Commit(b)
	n := r.n.Add(1)
	if n%2 == 0 && err == nil {
		r.check(r.db.Flush())
	}
	if n%7 == 0 && err == nil {
		r.check(r.db.Compact(r.t.Context(), []byte{0}, []byte{0xFF, 0xFF, 0xFF}, false))
	}
	return err
}

func (r *rewriting) check(err error) {
	if err != nil {
		r.t.Error(err)
	}
}
