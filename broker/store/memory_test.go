package store_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/broker/store/storetest"
)

func TestMemory(t *testing.T) {
	storetest.Run(t,
		func(*testing.T) store.Store { return new(store.Memory) },
		func(_ *testing.T, s store.Store) store.Store { return s.(*store.Memory).Restart() })
}

// A commit that waits is done when the store writes again, and lost when it ends.
func TestMemoryRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m store.Memory
		full := errors.New("no space left")
		m.Refuse(full)
		done := make(chan error, 1)
		commit := func(key string) {
			var b store.Batch
			b.Set([]byte(key), nil)
			done <- m.Commit(&b)
		}

		go commit("a")
		synctest.Wait()
		if len(done) > 0 || m.Trouble() != full {
			t.Fatalf("it commits, trouble: %v", m.Trouble())
		}
		m.Refuse(nil)
		if err := <-done; err != nil || m.Trouble() != nil {
			t.Fatalf("%v, trouble: %v", err, m.Trouble())
		}

		m.Refuse(full)
		go commit("b")
		synctest.Wait()
		again := m.Restart()
		if err := <-done; err != store.ErrClosed {
			t.Errorf("the commit that waited: %v", err)
		}
		if _, err := again.Get(nil, []byte("a")); err != nil || again.Trouble() != nil {
			t.Errorf("after the restart: %v, trouble: %v", err, again.Trouble())
		}
		if _, err := again.Get(nil, []byte("b")); err != store.ErrNotFound {
			t.Errorf("what has not been committed is there: %v", err)
		}
	})
}

// What a store on a disk would take and answer with nonsense later.
func TestMemoryPanics(t *testing.T) {
	key, holders := []byte("k"), store.AppendHolders(nil, []store.Holder{{Number: 1}})
	for name, misuse := range map[string]func(b *store.Batch){
		"put twice":             func(b *store.Batch) { b.Put(key, nil); b.Put(key, nil) },
		"remove what is not":    func(b *store.Batch) { b.Remove(key) },
		"remove what was set":   func(b *store.Batch) { b.Set(key, nil); b.Remove(key) },
		"delete what was put":   func(b *store.Batch) { b.Put(key, nil); b.Delete(key) },
		"set what was put":      func(b *store.Batch) { b.Put(key, nil); b.Set(key, nil) },
		"share twice":           func(b *store.Batch) { b.Share(key, holders); b.Share(key, holders) },
		"put what was shared":   func(b *store.Batch) { b.Share(key, holders); b.Drop(key, 1); b.Put(key, nil) },
		"share without holders": func(b *store.Batch) { b.Share(key, []byte{0}) },
		"share no holders list": func(b *store.Batch) { b.Share(key, []byte{5}) },
		"drop what is not":      func(b *store.Batch) { b.Drop(key, 1) },
		"share again": func(b *store.Batch) {
			b.Share(key, holders)
			b.Drop(key, 1)
			b.Share(key, holders)
		},
		"drop by another":   func(b *store.Batch) { b.Share(key, holders); b.Drop(key, 2) },
		"drop what was set": func(b *store.Batch) { b.Set(key, holders); b.Drop(key, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if fmt.Sprint(recover()) == "<nil>" {
					t.Error("it takes that")
				}
			}()
			var b store.Batch
			misuse(&b)
			new(store.Memory).Commit(&b)
		})
	}
}
