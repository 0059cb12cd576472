package store_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/client/store/storetest"
)

// faults makes files fail, now and then, in one way each time.
type faults struct {
	rand *rand.Rand
	on   bool
	seen map[string]int
}

func (f *faults) hit(what string) bool {
	if !f.on || f.rand.IntN(6) > 0 {
		return false
	}
	f.seen[what]++
	return true
}

type badFile struct {
	store.LogFile
	*faults
}

// WriteAt writes a part when the disk is full.
func (f badFile) WriteAt(b []byte, at int64) (int, error) {
	if f.hit("write") {
		n, _ := f.LogFile.WriteAt(b[:f.rand.IntN(len(b)+1)], at)
		return n, syscall.ENOSPC
	}
	return f.LogFile.WriteAt(b, at)
}

func (f badFile) Sync() error {
	if f.hit("sync") {
		return syscall.EIO
	}
	return nil // quick: nothing here stops the machine
}

func (f badFile) Truncate(size int64) error {
	if f.hit("truncate") {
		return syscall.EIO
	}
	return f.LogFile.Truncate(size)
}

func (f badFile) ReadAt(b []byte, at int64) (int, error) {
	if f.hit("read") {
		return 0, syscall.EIO
	}
	return f.LogFile.ReadAt(b, at)
}

// Nothing of a commit that fails counts, all of one that does not does, in this
// process and in the next.
func TestFaults(t *testing.T) {
	for name, level := range levels {
		t.Run("durability="+name, func(t *testing.T) {
			for seed := range uint64(3) {
				testFaults(t, level, seed)
			}
		})
	}
}

func testFaults(t *testing.T, level store.Durability, seed uint64) {
	f := &faults{rand: rand.New(rand.NewPCG(seed, 3)), seen: make(map[string]int)}
	o := store.DirOptions{Durability: level}.Small().Wrap(func(file store.LogFile) store.LogFile { return badFile{file, f} })
	dir := t.TempDir()
	d := open(t, dir, o)
	want := make(map[uint64]string)
	var b store.Batch
	failed, retried := 0, 0
	for step := range 400 {
		b.Reset()
		next := maps.Clone(want)
		storetest.Change(f.rand, &b, next)
		f.on = true
		err := d.Commit(&b)
		if err != nil && f.rand.IntN(2) == 0 {
			err = d.Commit(&b)
			retried++
		}
		f.on = false
		if err == nil {
			want = next
		} else {
			failed++
		}
		if err != nil && !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EIO) {
			t.Fatalf("commit: %v", err)
		}
		if err != nil && f.rand.IntN(4) > 0 || step%20 > 0 {
			continue
		}
		if err != nil { // a successful one, so that the failed one cannot count any more
			b.Reset()
			b.Delete(5000)
			storetest.Commit(t, d, &b)
		}
		d.Close()
		d = open(t, dir, o)
		if got := storetest.Records(t, d); !maps.Equal(got, want) {
			t.Fatalf("seed %d, step %d: %d records, want %d", seed, step, len(got), len(want))
		}
	}
	if failed == 0 || retried == 0 || f.seen["write"] == 0 || f.seen["read"] == 0 || f.seen["truncate"] == 0 {
		t.Errorf("%d commits have failed, %d were tried again, %v", failed, retried, f.seen)
	}
}

// A commit that fails is cut off. After fsync has failed, or if it cannot be cut off,
// the file is not written to any more, and the next one says how much of it counts.
func TestCommitFails(t *testing.T) {
	for name, c := range map[string]struct {
		level    store.Durability
		on       brokenFile
		segments int
	}{
		"write":              {store.Written, brokenFile{write: true}, 1},
		"write and truncate": {store.Written, brokenFile{write: true, truncate: true}, 2},
		"fsync":              {store.Fsync, brokenFile{sync: true}, 2},
		"fsync and truncate": {store.Fsync, brokenFile{sync: true, truncate: true}, 2},
		"all":                {store.Fsync, brokenFile{write: true, sync: true, truncate: true}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var on brokenFile
			dir := t.TempDir()
			d := open(t, dir, store.DirOptions{Durability: c.level}.Wrap(func(file store.LogFile) store.LogFile {
				return breaks{file, &on}
			}))
			var b store.Batch
			b.Put(1, []byte("kept"))
			storetest.Commit(t, d, &b)
			b.Reset()
			b.Put(2, []byte("not kept"))
			on = c.on
			for range 2 {
				if err := d.Commit(&b); !errors.Is(err, syscall.EIO) {
					t.Fatalf("commit: %v", err)
				}
			}
			if n := len(segments(t, dir)); n != 1 {
				t.Errorf("%d segments while the disk does not take one", n)
			}
			on = brokenFile{}
			b.Reset()
			b.Put(3, []byte("kept"))
			storetest.Commit(t, d, &b)
			if n := len(segments(t, dir)); n != c.segments {
				t.Errorf("%d segments, want %d", n, c.segments)
			}
			d.Close()
			got := storetest.Records(t, open(t, dir, store.DirOptions{}))
			if want := map[uint64]string{1: "kept", 3: "kept"}; !maps.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}

// brokenFile is what does not work. What is written is there all the same.
type brokenFile struct{ write, sync, truncate bool }

type breaks struct {
	store.LogFile
	on *brokenFile
}

func (f breaks) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.LogFile.WriteAt(b, at)
	if f.on.write {
		return n, syscall.EIO
	}
	return n, err
}

func (f breaks) Sync() error {
	if f.on.sync {
		return syscall.EIO
	}
	return f.LogFile.Sync()
}

func (f breaks) Truncate(size int64) error {
	if f.on.truncate {
		return syscall.EIO
	}
	return f.LogFile.Truncate(size)
}
