package disk

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/fletchmq/fletch/broker/store"
)

// sample makes a store in a directory: tables, one of them with deletions of what is
// in others, and a log. It gives what is in it, and what was before each of the last two
// commits.
func sample(t *testing.T) (dir string, want map[string]string, before []map[string]string) {
	t.Helper()
	dir = t.TempDir()
	s := open(t, dir, sampleOptions())
	for part := range 3 {
		for i := range 20 {
			before = []map[string]string{all(t, s)}
			commit(t, s, numbered(part*1000+i*10, 10, 100))
		}
		var b store.Batch
		for i := range 100 {
			b.Set(fmt.Appendf(nil, "r/%d/%d", part, i), numberedValue(i, 50))
			if part > 0 && i%2 == 0 {
				b.Delete(fmt.Appendf(nil, "r/%d/%d", part-1, i))
				b.Remove(numberedKey((part-1)*1000 + i))
			}
		}
		before = append(before, all(t, s))
		commit(t, s, &b)
		if part < 2 {
			if err := s.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	want = all(t, s)
	shut(t, s)
	return dir, want, before
}

func sampleOptions() Options { return Options{Durability: Fsync, Logger: quiet()} }

func all(t *testing.T, s *Store) map[string]string {
	t.Helper()
	got, err := everything(s)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func everything(s *Store) (map[string]string, error) {
	got := make(map[string]string)
	err := s.Scan(nil, func(key, value []byte) error {
		got[string(key)] = string(value)
		return nil
	})
	return got, err
}

// openAndRead is what a broker does when it starts.
func openAndRead(dir string) (map[string]string, error) {
	s, err := Open(dir, sampleOptions())
	if err != nil {
		return nil, err
	}
	got, err := everything(s)
	return got, errors.Join(err, s.Close())
}

// One bit is not as it was written, anywhere. Either that makes no difference, or the
// file is named; then it is repaired, and what it did not hold is all there. Only that
// of the last commit nobody can tell from a crash while it was written, nor, with some
// bits of the head of its chunk, the one before.
func TestDamage(t *testing.T) {
	dir, want, before := sample(t)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	flips := 12
	if testing.Short() {
		flips = 3
	}
	for _, f := range files {
		name := f.Name()
		for seed := range uint64(flips) {
			t.Run(fmt.Sprintf("%s/%d", name, seed), func(t *testing.T) {
				damageOne(t, dir, name, rand.New(rand.NewPCG(seed, 1)), want, before)
			})
		}
	}
}

func damageOne(t *testing.T, from, name string, rnd *rand.Rand, want map[string]string, before []map[string]string) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := bytes.TrimRight(content, "\x00")
	if len(used) == 0 || name == ownerName {
		return
	}
	used[rnd.IntN(len(used))] ^= 1 << rnd.IntN(8)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := openAndRead(dir)
	if err == nil {
		cut := slices.ContainsFunc(before, func(b map[string]string) bool { return maps.Equal(got, b) })
		if !strings.HasSuffix(name, ".log") || !cut {
			same(t, got, want, 0)
		}
		return
	}
	var damage *store.DamageError
	if !errors.As(err, &damage) {
		t.Fatalf("not a DamageError: %v", err)
	}
	if !strings.Contains(damage.Where, name) {
		t.Errorf("%q is named instead of %s: %v", damage.Where, name, err)
	}
	r, err := Repair(dir, sampleOptions())
	if strings.HasPrefix(name, "MANIFEST") {
		if !errors.As(err, &damage) || r.Aside != "" {
			t.Errorf("MANIFEST repaired: %v\n%s", err, r)
		}
		return
	}
	if err != nil {
		t.Fatalf("Repair: %v\n%s", err, r)
	}
	t.Logf("%s", r)
	if got, err = openAndRead(dir); err != nil {
		t.Fatalf("after Repair: %v\n%s", err, r)
	}
	lost := int64(len(want))
	if len(r.Parts) == 1 && r.Parts[0].Lost >= 0 {
		lost = r.Parts[0].Lost
		if r.Parts[0].Kept > 0 && lost > 100 { // a block has some 40
			t.Errorf("%d are lost:\n%s", lost, r)
		}
	}
	same(t, got, want, lost)
	if kept, err := os.ReadFile(filepath.Join(r.Aside, name)); err != nil || !bytes.Equal(kept, content) {
		t.Errorf("the damaged file is not as it was: %v", err)
	}
	if again, err := Repair(dir, sampleOptions()); err != nil || len(again.Parts) > 0 {
		t.Errorf("once more: %v, %v", again, err)
	}
}

// same checks that got is want, but for lost keys that are missing, or are there again.
func same(t *testing.T, got, want map[string]string, lost int64) {
	t.Helper()
	for key, value := range want {
		if other, ok := got[key]; !ok {
			lost--
		} else if other != value {
			t.Errorf("%q has another value", key)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			lost--
		}
	}
	if lost < 0 {
		t.Errorf("%d more than known are lost, or there again: %d of %d", -lost, len(got), len(want))
	}
}

// A table that cannot be rewritten, as it is damaged, is tried again and again. That
// neither fills the log nor keeps a processor busy.
func TestDamageIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		s := &Store{log: slog.New(slog.NewTextHandler(&log, nil)), patience: newPatience(quiet())}
		began := time.Now()
		for range 10 {
			s.noticed(pebble.DataCorruptionInfo{Path: "000005.sst", Details: errors.New("checksum mismatch")})
		}
		if took := time.Since(began); took < 10*maxPause {
			t.Errorf("ten attempts in %v", took)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "000005.sst") {
			t.Errorf("log: %s", log.String())
		}
	})
}
