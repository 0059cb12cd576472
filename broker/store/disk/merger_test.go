package disk

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fletchmq/fletch/broker/store"
)

// Drops give the same whatever is joined first, with the value or without it.
func TestDropsInAnyOrder(t *testing.T) {
	holders := []store.Holder{{Number: 1}, {Number: 2, Note: []byte("two")}, {Number: 3}, {Number: 1 << 40}}
	value := append(append([]byte{isValue}, store.AppendHolders(nil, holders)...), "body"...)
	want := append(append([]byte{isValue}, store.AppendHolders(nil, holders[1:2])...), "body"...)
	oldest := [][]byte{value, {isDrops, 3}, {isDrops, 1}, {isDrops, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20}}
	merge := new(goneSet).merger().Merge
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		parts := append([][]byte(nil), oldest...)
		for len(parts) > 1 {
			first := r.IntN(len(parts) - 1)
			last := first + 1 + r.IntN(len(parts)-first-1)
			newer := r.IntN(2) == 0
			begin := last
			if newer {
				begin = first
			}
			m, err := merge([]byte("k"), parts[begin])
			for i := first; i < last && err == nil; i++ {
				if newer {
					err = m.MergeNewer(parts[i+1])
				} else {
					err = m.MergeOlder(parts[first+last-1-i])
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			joined, _, err := m.Finish(first == 0)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(append(append([][]byte(nil), parts[:first]...), joined), parts[last+1:]...)
		}
		if !bytes.Equal(parts[0], want) {
			t.Fatalf("seed %d: %x, want %x", seed, parts[0], want)
		}
	}
}

// What does not come from this code is an error, not a panic.
func FuzzDrops(f *testing.F) {
	f.Add([]byte{isValue, 1, 5, 0}, []byte{isDrops, 5})
	f.Add([]byte{isValue, 1, 5, 9}, []byte{isDrops, 0x80})
	f.Add([]byte{}, []byte{7})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		m, err := new(goneSet).merger().Merge([]byte("k"), a)
		if err == nil {
			err = m.MergeNewer(b)
		}
		if err == nil {
			m.Finish(true)
		}
	})
}

// Of values that all have dropped nothing stays in the files, also when the process
// ends before they are deleted.
func TestNothingStays(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	var b store.Batch
	const n = 10
	for i := range n {
		b.Share(fmt.Appendf(nil, "h%d", i), store.AppendHolders(nil, []store.Holder{{Number: 1}, {Number: 2}}))
	}
	commitTo(t, s, &b)
	if err := s.db.Flush(); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		b.Drop(fmt.Appendf(nil, "h%d", i), 1)
		b.Drop(fmt.Appendf(nil, "h%d", i), 2)
	}
	commitTo(t, s, &b)
	compact(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open(t, dir, Options{})
	defer s.Close()
	if got := raw(t, s); got != n {
		t.Errorf("%d records: the test expects what is gone to be there before it is read", got)
	}
	if _, err := s.Get(nil, []byte("h0")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("dropped by all: %v", err)
	}
	if got := keys(t, s); len(got) != 0 {
		t.Errorf("%q are there", got)
	}
	b.Set([]byte("a"), nil)
	commitTo(t, s, &b)
	compact(t, s)
	if got := raw(t, s); got != 1 {
		t.Errorf("%d records, want one", got)
	}
}

func commitTo(t *testing.T, s *Store, b *store.Batch) {
	t.Helper()
	if err := s.Commit(b); err != nil {
		t.Fatal(err)
	}
	b.Reset()
}

func compact(t *testing.T, s *Store) {
	t.Helper()
	if err := s.db.Compact(t.Context(), []byte{0}, []byte{0xFF}, false); err != nil {
		t.Fatal(err)
	}
}

// raw counts what Pebble has.
func raw(t *testing.T, s *Store) (n int) {
	t.Helper()
	it, err := s.db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	return n
}
