// Package storetest is what every store of a client has to pass.
package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fletchmq/fletch/client/store"
)

// Run tests the stores that open gives, each of them empty. reopen closes one and
// gives what the next process, or the next client, would find.
func Run(t *testing.T, open func(*testing.T) store.Store, reopen func(*testing.T, store.Store) store.Store) {
	s := suite{open, reopen}
	t.Run("order", s.order)
	t.Run("copies", s.copies)
	t.Run("load ends", s.loadEnds)
	t.Run("close", s.close)
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("model/seed=%d", seed), func(t *testing.T) { s.model(t, seed) })
	}
}

type suite struct {
	open   func(*testing.T) store.Store
	reopen func(*testing.T, store.Store) store.Store
}

// Of several changes of a key the last one counts, and Load is in the order of keys.
func (s suite) order(t *testing.T) {
	st := s.open(t)
	var b store.Batch
	b.Put(1<<63, []byte("high"))
	b.Delete(7)
	b.Put(7, []byte("first"))
	b.Put(7, []byte("second"))
	b.Put(0, nil)
	b.Put(8, []byte("gone"))
	b.Delete(8)
	Commit(t, st, &b)
	st = s.reopen(t, st)
	defer closed(t, st)
	var got []string
	err := st.Load(func(key uint64, value []byte) error {
		got = append(got, fmt.Sprintf("%d %s", key, value))
		return nil
	})
	want := []string{"0 ", "7 second", fmt.Sprintf("%d high", uint64(1<<63))}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q and %v, want %q", got, err, want)
	}
}

// What is given to a batch and to Commit may be used again at once.
func (s suite) copies(t *testing.T) {
	st := s.open(t)
	var b store.Batch
	value := []byte("one")
	b.Put(1, value)
	copy(value, "two")
	Commit(t, st, &b)
	b.Reset()
	b.Put(2, value)
	Commit(t, st, &b)
	st = s.reopen(t, st)
	defer closed(t, st)
	if got, want := Records(t, st), map[uint64]string{1: "one", 2: "two"}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func (s suite) loadEnds(t *testing.T) {
	st := s.open(t)
	var b store.Batch
	b.Put(1, nil)
	b.Put(2, nil)
	Commit(t, st, &b)
	st = s.reopen(t, st)
	defer closed(t, st)
	stop, calls := errors.New("enough"), 0
	if err := st.Load(func(uint64, []byte) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%v after %d calls, want the error of the first", err, calls)
	}
}

func (s suite) close(t *testing.T) {
	st := s.open(t)
	closed(t, st)
	var b store.Batch
	b.Put(1, nil)
	if err := st.Commit(&b); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Commit after Close gives %v", err)
	}
	if err := st.Close(); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Close after Close gives %v", err)
	}
}

// model does the same to a store and to a map, and compares them.
func (s suite) model(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	st := s.open(t)
	defer func() { closed(t, st) }()
	want := make(map[uint64]string)
	var b store.Batch
	for range 150 {
		b.Reset()
		Change(r, &b, want)
		Commit(t, st, &b)
		if r.IntN(10) > 0 {
			continue
		}
		st = s.reopen(t, st)
		if got := Records(t, st); !maps.Equal(got, want) {
			t.Fatalf("%d records, %v, want %d, %v", len(got), got, len(want), want)
		}
	}
}

// Change puts some random changes into b, and makes them in records: most records
// are gone soon, some stay.
func Change(r *rand.Rand, b *store.Batch, records map[uint64]string) {
	for range 1 + r.IntN(10) {
		key := r.Uint64N(1000)
		if r.IntN(10) > 0 {
			key %= 30
		}
		if r.IntN(3) == 0 {
			b.Delete(key)
			delete(records, key)
			continue
		}
		value := make([]byte, r.IntN(300))
		for i := range value {
			value[i] = byte(r.Uint32())
		}
		b.Put(key, value)
		records[key] = string(value)
	}
}

// Commit commits b, or the test fails.
func Commit(t testing.TB, st store.Store, b *store.Batch) {
	t.Helper()
	if err := st.Commit(b); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// Records is what st loads.
func Records(t testing.TB, st store.Store) map[uint64]string {
	t.Helper()
	all := make(map[uint64]string)
	err := st.Load(func(key uint64, value []byte) error {
		all[key] = string(value)
		return nil
	})
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return all
}

func closed(t *testing.T, st store.Store) {
	t.Helper()
	if err := st.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
