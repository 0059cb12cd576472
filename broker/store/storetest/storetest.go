// Package storetest is what every store has to pass.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/fletchmq/fletch/broker/store"
)

// Run tests the stores that open gives, each of them empty. reopen ends one without
// more ado than its Close, and gives what a new process would find.
func Run(t *testing.T, open func(*testing.T) store.Store, reopen func(*testing.T, store.Store) store.Store) {
	s := suite{open, reopen}
	t.Run("get", s.get)
	t.Run("scan", s.scan)
	t.Run("scan sees the moment it begins", s.snapshot)
	t.Run("holders leave", s.holders)
	t.Run("commits at once", s.concurrent)
	t.Run("close", s.close)
	for seed := range uint64(3) {
		t.Run(fmt.Sprintf("model/seed=%d", seed), func(t *testing.T) { s.model(t, seed) })
	}
}

type suite struct {
	open   func(*testing.T) store.Store
	reopen func(*testing.T, store.Store) store.Store
}

func (s suite) get(t *testing.T) {
	st := s.open(t)
	defer closed(t, st)
	var b store.Batch
	key, value := []byte("a"), []byte("one")
	b.Set(key, value)
	b.Set([]byte("empty"), nil)
	commit(t, st, &b)
	key[0], value[0] = 'x', 'x' // the batch has copied them
	b.Reset()

	if got, err := st.Get([]byte("> "), []byte("a")); err != nil || string(got) != "> one" {
		t.Errorf("got %q and %v, want it appended", got, err)
	}
	if got, err := st.Get(nil, []byte("empty")); err != nil || len(got) != 0 {
		t.Errorf("got %q and %v, want an empty value", got, err)
	}
	if got, err := st.Get([]byte("> "), []byte("b")); !errors.Is(err, store.ErrNotFound) || string(got) != "> " {
		t.Errorf("got %q and %v for a key that is not there", got, err)
	}
	b.Delete([]byte("a"))
	b.Delete([]byte("b"))
	commit(t, st, &b)
	if _, err := st.Get(nil, []byte("a")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a deleted key gives %v", err)
	}
}

func (s suite) scan(t *testing.T) {
	st := s.open(t)
	defer closed(t, st)
	keys := []string{"", "\x00", "a", "a\x00", "a\xff", "a\xff\xff", "b", "\xff", "\xff\xff", "\xff\xff\x01"}
	var b store.Batch
	for _, i := range []int{3, 9, 0, 5, 1, 8, 2, 7, 4, 6} {
		b.Set([]byte(keys[i]), []byte(keys[i]))
	}
	commit(t, st, &b)
	for prefix, want := range map[string][]string{
		"":         keys,
		"a":        keys[2:6],
		"a\xff":    keys[4:6],
		"\xff":     keys[7:],
		"\xff\xff": keys[8:],
		"c":        nil,
	} {
		var got []string
		err := st.Scan([]byte(prefix), func(key, value []byte) error {
			if !bytes.Equal(key, value) {
				t.Errorf("key %q has the value of %q", key, value)
			}
			got = append(got, string(key))
			return nil
		})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("prefix %q: %q and %v, want %q", prefix, got, err, want)
		}
	}
	stop, calls := errors.New("enough"), 0
	if err := st.Scan(nil, func(_, _ []byte) error { calls++; return stop }); err != stop || calls != 1 {
		t.Errorf("%v after %d calls, want the error of the first", err, calls)
	}
}

func (s suite) snapshot(t *testing.T) {
	st := s.open(t)
	defer closed(t, st)
	var b store.Batch
	for _, key := range []string{"a", "b", "c"} {
		b.Set([]byte(key), []byte("old"))
	}
	commit(t, st, &b)
	b.Reset()
	b.Set([]byte("b"), []byte("new"))
	b.Delete([]byte("c"))
	b.Set([]byte("d"), nil)
	var got []string
	err := st.Scan(nil, func(key, value []byte) error {
		if len(got) == 0 {
			commit(t, st, &b)
		}
		got = append(got, string(key)+"="+string(value))
		return nil
	})
	if want := []string{"a=old", "b=old", "c=old"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q and %v, want %q", got, err, want)
	}
}

func (s suite) holders(t *testing.T) {
	st := s.open(t)
	defer func() { closed(t, st) }()
	key := []byte("m1")
	all := []store.Holder{{Number: 7, Note: []byte("note")}, {Number: 0}, {Number: 1 << 63, Note: []byte{0}}}
	var b store.Batch
	b.Share(key, append(store.AppendHolders(nil, all), "body"...))
	commit(t, st, &b)
	for i, h := range all {
		left := all[i+1:]
		b.Reset()
		b.Drop(key, h.Number)
		commit(t, st, &b)
		if i == 1 {
			st = s.reopen(t, st)
		}
		value, err := st.Get(nil, key)
		if len(left) == 0 {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("dropped by all: %q and %v", value, err)
			}
			break
		}
		if want := append(store.AppendHolders(nil, left), "body"...); err != nil || !bytes.Equal(value, want) {
			t.Errorf("after %d: %q and %v, want %q", h.Number, value, err, want)
		}
	}
	if got := contents(t, st, nil); len(got) != 0 {
		t.Errorf("%q is left", got)
	}
}

func (s suite) concurrent(t *testing.T) {
	st := s.open(t)
	const writers, each = 8, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			var b store.Batch
			for i := range each {
				b.Reset()
				b.Put(fmt.Appendf(nil, "%d/%02d/a", w, i), []byte("x"))
				b.Put(fmt.Appendf(nil, "%d/%02d/b", w, i), []byte("x"))
				if err := st.Commit(&b); err != nil {
					t.Error(err)
				}
				if _, err := st.Get(nil, fmt.Appendf(nil, "%d/%02d/b", w, i)); err != nil {
					t.Errorf("what is committed is not there: %v", err)
				}
			}
		})
	}
	wg.Wait()
	st = s.reopen(t, st)
	defer closed(t, st)
	if got := contents(t, st, nil); len(got) != 2*writers*each {
		t.Errorf("%d keys, want %d", len(got), 2*writers*each)
	}
}

func (s suite) close(t *testing.T) {
	st := s.open(t)
	if err := st.Trouble(); err != nil {
		t.Errorf("trouble: %v", err)
	}
	closed(t, st)
	var b store.Batch
	b.Set([]byte("a"), nil)
	_, get := st.Get(nil, []byte("a"))
	for what, err := range map[string]error{
		"Commit":  st.Commit(&b),
		"Get":     get,
		"Scan":    st.Scan(nil, func(_, _ []byte) error { return nil }),
		"Trouble": st.Trouble(),
		"Close":   st.Close(),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s after Close gives %v", what, err)
		}
	}
}

func closed(t *testing.T, st store.Store) {
	t.Helper()
	if err := st.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func commit(t *testing.T, st store.Store, b *store.Batch) {
	t.Helper()
	if err := st.Commit(b); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// contents gives all that begin with prefix, as Scan gives them.
func contents(t *testing.T, st store.Store, prefix []byte) []string {
	t.Helper()
	var all []string
	err := st.Scan(prefix, func(key, value []byte) error {
		all = append(all, line(key, value))
		return nil
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return all
}

// line is in the order of the keys when it is sorted: a blank is before all digits.
func line[B string | []byte](key, value B) string { return fmt.Sprintf("%x %x", key, value) }
