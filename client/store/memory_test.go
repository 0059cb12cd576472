package store_test

import (
	"errors"
	"testing"

	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/client/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t,
		func(*testing.T) store.Store { return store.NewMemory() },
		func(t *testing.T, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := s.Load(func(uint64, []byte) error { return nil }); err != nil {
				t.Fatal(err)
			}
			return s
		})
}

// Nothing of a batch that Before refuses counts, and it may be committed again.
func TestMemoryBefore(t *testing.T) {
	m := store.NewMemory()
	full := errors.New("no space left")
	m.Before = func(*store.Batch) error { return full }
	var b store.Batch
	b.Put(1, nil)
	if err := m.Commit(&b); !errors.Is(err, full) || len(storetest.Records(t, m)) != 0 {
		t.Errorf("%v, %d records", err, len(storetest.Records(t, m)))
	}
	m.Before = nil
	storetest.Commit(t, m, &b)
	if got := storetest.Records(t, m); len(got) != 1 {
		t.Errorf("%d records", len(got))
	}
}
