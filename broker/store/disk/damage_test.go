package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fletchmq/fletch/broker/store"
)

// filled gives a directory with a store of many values in one file or, if not
// flushed, in a log.
func filled(t *testing.T, flushed bool) string {
	dir := t.TempDir()
	o := Options{Durability: Fsync}
	if err := open(t, dir, o).Close(); err != nil { // the first log of a store does not know damage from its end
		t.Fatal(err)
	}
	s := open(t, dir, o)
	for i := range 100 {
		var b store.Batch
		b.Put(fmt.Appendf(nil, "m%03d", i), fmt.Appendf(nil, "%01000d", i*i*i))
		if err := s.Commit(&b); err != nil {
			t.Fatal(err)
		}
	}
	if flushed {
		if err := s.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// the gives the last file in dir of that pattern that is not empty.
func the(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, pattern))
	for _, name := range slices.Backward(names) {
		if i, err := os.Stat(name); err == nil && i.Size() > 0 {
			return name
		}
	}
	t.Fatalf("no %s in %q", pattern, names)
	return ""
}

func spoil(t *testing.T, name string, at int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("spoilt"), at); err != nil {
		t.Fatal(err)
	}
}

func damageOf(t *testing.T, err error, where string) {
	t.Helper()
	var damage *store.DamageError
	if !errors.As(err, &damage) || damage.Where != where {
		t.Errorf("%v, want damage of %s", err, where)
	}
}

func TestDamagedTable(t *testing.T) {
	dir := filled(t, true)
	table := the(t, dir, "*.sst")
	spoil(t, table, 100)
	s := open(t, dir, Options{})
	_, err := s.Get(nil, []byte("m000"))
	damageOf(t, err, table)
	damageOf(t, s.Scan(nil, func(_, _ []byte) error { return nil }), table)

	var b store.Batch // what is new is not touched by it
	b.Put([]byte("n"), []byte("new"))
	if err := s.Commit(&b); err != nil {
		t.Error(err)
	}
	if got, err := s.Get(nil, []byte("n")); string(got) != "new" || err != nil {
		t.Errorf("%q and %v", got, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestMissingTable(t *testing.T) {
	dir := filled(t, true)
	table := the(t, dir, "*.sst")
	if err := os.Remove(table); err != nil {
		t.Fatal(err)
	}
	_, err := Open(dir, Options{})
	damageOf(t, err, table)
}

func TestDamagedLog(t *testing.T) {
	dir := filled(t, false)
	log := the(t, dir, "*.log")
	spoil(t, log, 500)
	_, err := Open(dir, Options{})
	damageOf(t, err, log)
}

func TestDamagedManifest(t *testing.T) {
	dir := filled(t, true)
	manifest := the(t, dir, "MANIFEST-*")
	spoil(t, manifest, 20)
	_, err := Open(dir, Options{})
	damageOf(t, err, manifest)
}
