package store_test

import (
	"errors"
	"maps"
	"os"
	"testing"

	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/client/store/storetest"
)

// Whatever happens to a log: it opens, and is gone on with, or says what is wrong; the
// repair opens it but for what is no log; and no record has a value that nobody gave it.
func FuzzDamage(f *testing.F) {
	h := write(f, f.TempDir(), 20, store.DirOptions{}.Small())
	name, text := h.last(f)
	f.Add(uint32(0), uint32(0), []byte("x"))
	f.Add(uint32(store.SegmentHead), uint32(4), []byte{0, 0, 0, 1})
	f.Add(uint32(len(text)-5), uint32(5), []byte{})
	f.Add(uint32(h.sizes[len(h.sizes)-2]), uint32(0), text[store.SegmentHead:])
	given := make(map[uint64]map[string]bool)
	for _, s := range h.states {
		for key, value := range s {
			if given[key] == nil {
				given[key] = make(map[string]bool)
			}
			given[key][value] = true
		}
	}
	f.Fuzz(func(t *testing.T, at, out uint32, in []byte) {
		// out bytes are replaced by in.
		from := min(int(at), len(text))
		to := min(from+int(out), len(text))
		bad := append(append(append([]byte{}, text[:from]...), in...), text[to:]...)
		dir := t.TempDir()
		path := dir + name[len(h.dir):]
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := store.OpenDir(dir, store.DirOptions{Logger: quiet})
		if err != nil {
			var damage *store.DamageError
			repairable := errors.As(err, &damage)
			if d, err = store.OpenDir(dir, store.DirOptions{Logger: quiet, Repair: true}); err != nil {
				if repairable {
					t.Fatalf("the repair: %v", err)
				}
				return
			}
		}
		got := storetest.Records(t, d)
		for key, value := range got {
			if !given[key][value] {
				t.Errorf("record %d: %q", key, value)
			}
		}
		var b store.Batch
		b.Put(5000, []byte("on"))
		storetest.Commit(t, d, &b)
		d.Close()
		got[5000] = "on"
		if again := storetest.Records(t, open(t, dir, store.DirOptions{})); !maps.Equal(again, got) {
			t.Errorf("%d records, want %d", len(again), len(got))
		}
	})
}
