package store_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/client/store/storetest"
)

var (
	quiet  = slog.New(slog.DiscardHandler)
	levels = map[string]store.Durability{"written": store.Written, "fsync": store.Fsync}
)

func open(t testing.TB, dir string, o store.DirOptions) *store.Dir {
	t.Helper()
	if o.Logger == nil {
		o.Logger = quiet
	}
	d, err := store.OpenDir(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// suiteOf runs the suite on directories that are opened with o.
func suiteOf(t *testing.T, o store.DirOptions) {
	dirs := make(map[store.Store]string)
	openIn := func(t *testing.T, dir string) store.Store {
		d := open(t, dir, o)
		dirs[d] = dir
		return d
	}
	storetest.Run(t,
		func(t *testing.T) store.Store { return openIn(t, filepath.Join(t.TempDir(), "a", "b")) },
		func(t *testing.T, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return openIn(t, dirs[s])
		})
}

func TestDir(t *testing.T) {
	for name, o := range map[string]store.DirOptions{
		"durability=written":           {},
		"durability=written/rolls=yes": store.DirOptions{}.Small(),
		"durability=fsync/rolls=yes":   store.DirOptions{Durability: store.Fsync}.Small(),
	} {
		t.Run(name, func(t *testing.T) { suiteOf(t, o) })
	}
}

// The log stays in proportion to what is in it, while some records stay for ever.
func TestDirCleans(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, store.DirOptions{}.Small())
	r := rand.New(rand.NewPCG(1, 1))
	want := make(map[uint64]string)
	var b store.Batch
	for range 3000 {
		b.Reset()
		storetest.Change(r, &b, want)
		storetest.Commit(t, d, &b)
		live := int64(0)
		for _, v := range want {
			live += int64(len(v)) + 12
		}
		// What makes a commit wait, and the segments that are being filled and cleaned.
		if on := sizeOf(t, dir); on > live+4*max(live, 8<<10)+32<<10 {
			t.Fatalf("%d bytes on the disk for %d", on, live)
		}
	}
	d.Close()
	if got := storetest.Records(t, open(t, dir, store.DirOptions{})); !maps.Equal(got, want) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
}

// A disk that is full now and then does not keep the log from being cleaned.
func TestDirCleansAfterFaults(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(2, 2))
	full := false
	d := open(t, dir, store.DirOptions{}.Small().Wrap(func(file store.LogFile) store.LogFile { return fullDisk{file, &full} }))
	var b store.Batch
	for key := range uint64(20) { // to be copied again and again
		b.Put(key, make([]byte, 200))
	}
	storetest.Commit(t, d, &b)
	for step := range 2000 {
		b.Reset()
		b.Put(100, make([]byte, 1000))
		if full = step < 1800 && r.IntN(2) == 0; !full {
			storetest.Commit(t, d, &b)
		} else if err := d.Commit(&b); err == nil {
			t.Fatal("it has room on a full disk")
		}
	}
	if all := segments(t, dir); len(all) > 8 {
		t.Errorf("%q", all)
	}
}

// fullDisk takes nothing while it is full.
type fullDisk struct {
	store.LogFile
	full *bool
}

func (f fullDisk) WriteAt(b []byte, at int64) (int, error) {
	if *f.full {
		return 0, syscall.ENOSPC
	}
	return f.LogFile.WriteAt(b, at)
}

func sizeOf(t *testing.T, dir string) (size int64) {
	t.Helper()
	for _, name := range segments(t, dir) {
		if info, err := os.Stat(name); err == nil { // one may go meanwhile
			size += info.Size()
		}
	}
	return size
}

func segments(t testing.TB, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%q and %v", names, err)
	}
	slices.Sort(names)
	return names
}

// A directory that is something else, and a file that is, are left alone.
func TestDirStrange(t *testing.T) {
	newer := []byte("fletchcs\x00\x00\x00\x02" + strings.Repeat("x", 50))
	for name, c := range map[string]struct {
		file string
		text []byte
		want string
	}{
		"another directory": {"notes.txt", []byte("hello"), `not empty: it has ["notes.txt"]`},
		"another log":       {"0000000001.log", []byte("2026-01-01 started"), "is not the log of a client's store"},
		"another short log": {"0000000001.log", []byte("2026"), "is not the log of a client's store"},
		"a newer format":    {"0000000001.log", newer, "has format 2, and the newest known here is 1"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, c.file)
			if err := os.WriteFile(path, c.text, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, repair := range []bool{false, true} {
				_, err := store.OpenDir(dir, store.DirOptions{Logger: quiet, Repair: repair})
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
					t.Errorf("repair %t: %v, want %q", repair, err, c.want)
				}
			}
			if text, err := os.ReadFile(path); err != nil || string(text) != string(c.text) {
				t.Errorf("the file is %q now, %v", text, err)
			}
		})
	}
}

// The second to open a directory is told who has it, whatever process it is.
func TestDirInUse(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, store.DirOptions{})
	_, err := store.OpenDir(dir, store.DirOptions{Logger: quiet})
	if want := fmt.Sprintf("%s is in use by this process (%d)", dir, os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	var b store.Batch
	b.Put(1, nil)
	storetest.Commit(t, d, &b)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := storetest.Records(t, open(t, dir, store.DirOptions{})); len(got) != 1 {
		t.Errorf("%d records", len(got))
	}
}

// What has been found is said.
func TestDirSays(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, store.DirOptions{})
	var b store.Batch
	b.Put(1, make([]byte, 100))
	storetest.Commit(t, d, &b)
	storetest.Commit(t, d, &b)
	d.Close()
	name := segments(t, dir)[0]
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, info.Size()-3); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	open(t, dir, store.DirOptions{Logger: slog.New(slog.NewTextHandler(&text, nil))})
	if want := "records=1 bytes=112 cut=121"; !strings.Contains(text.String(), want) {
		t.Errorf("%q, want %q", text.String(), want)
	}
}

// A commit takes memory only for the records that there have not been so many of yet.
func TestCommitAllocates(t *testing.T) {
	d := open(t, t.TempDir(), store.DirOptions{})
	var b store.Batch
	value := make([]byte, 256)
	key := uint64(0)
	commit := func() {
		b.Reset()
		for range 10 {
			b.Put(key, value)
			b.Delete(key - 100)
			key++
		}
		if err := d.Commit(&b); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		commit()
	}
	if n := testing.AllocsPerRun(1000, commit); n > 0 {
		t.Errorf("%v allocations for each commit", n)
	}
}

func isDamage(err error, file string) bool {
	var damage *store.DamageError
	return errors.As(err, &damage) && damage.File == file && strings.Contains(err.Error(), fmt.Sprint(damage.Offset))
}
