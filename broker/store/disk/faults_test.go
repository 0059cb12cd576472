package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/fletchmq/fletch/broker/store"
)

// signs are what a store logs about its disk.
type signs struct{ began, ended chan string }

func newSigns() *signs { return &signs{make(chan string, 100), make(chan string, 100)} }

func (s *signs) logger() *slog.Logger { return slog.New(s) }

func (s *signs) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }
func (s *signs) WithAttrs([]slog.Attr) slog.Handler           { return s }
func (s *signs) WithGroup(string) slog.Handler                { return s }

func (s *signs) Handle(_ context.Context, r slog.Record) error {
	switch {
	case strings.Contains(r.Message, "cannot write"):
		s.began <- r.Message
	case strings.Contains(r.Message, "writes again"):
		s.ended <- r.Message
	}
	return nil
}

func openStore(t *testing.T, fs vfs.FS, d Durability, log *slog.Logger) *Store {
	t.Helper()
	s, err := Open("/data", Options{Durability: d, FS: fs, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// numbered is the batch that puts n keys from first on, with values of a size.
func numbered(first, n, size int) *store.Batch {
	var b store.Batch
	for i := first; i < first+n; i++ {
		b.Put(numberedKey(i), numberedValue(i, size))
	}
	return &b
}

func numberedKey(i int) []byte { return binary.BigEndian.AppendUint64([]byte{'m'}, uint64(i)) }

func numberedValue(i, size int) []byte {
	v := fmt.Appendf(nil, "%d ", i)
	for j := 0; len(v) < size; j++ { // what does not shrink by much
		v = binary.BigEndian.AppendUint64(v, uint64(i*size+j)*0x9E3779B97F4A7C15)
	}
	return v
}

// checkNumbered checks that the keys from 0 to n are there, and no others.
func checkNumbered(t *testing.T, s *Store, n, size int) {
	t.Helper()
	next := 0
	err := s.Scan([]byte("m"), func(key, value []byte) error {
		if string(key) != string(numberedKey(next)) || string(value) != string(numberedValue(next, size)) {
			return fmt.Errorf("key %q instead of that of %d, with %d bytes", key, next, len(value))
		}
		next++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if next != n {
		t.Errorf("%d of %d are there", next, n)
	}
}

func only(op string, fails error) func(string, string) error {
	return func(o, _ string) error {
		if o == op {
			return fails
		}
		return nil
	}
}

func onlyFiles(suffix string, fails error) func(string, string) error {
	return func(_, name string) error {
		if strings.Contains(name, suffix) {
			return fails
		}
		return nil
	}
}

// While the disk cannot write, Commit waits, Trouble says why, and reading goes on.
// When it can again, all is there.
func TestDiskFailsForAWhile(t *testing.T) {
	faults := []struct {
		name, says string
		durability Durability
		fails      func(op, name string) error
	}{
		{"full", "no space left on device", Fsync, func(_, _ string) error { return syscall.ENOSPC }},
		{"full, written", "no space left on device", Written, func(_, _ string) error { return syscall.ENOSPC }},
		{"quota", "disk quota exceeded", Written, only("write", syscall.EDQUOT)},
		{"read-only", "read-only file system", Fsync, func(_, _ string) error { return syscall.EROFS }},
		{"write", "input/output error", Fsync, only("write", syscall.EIO)},
		{"sync", "log: input/output error", Fsync, only("sync", syscall.EIO)},
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			d, log := newBadDisk(), newSigns()
			s := openStore(t, d, f.durability, log.logger())
			commit(t, s, numbered(0, 100, 300))
			d.fail(f.fails)
			done := make(chan error)
			go func() { done <- s.Commit(numbered(100, 100, 300)) }()
			<-log.began
			if err := s.Trouble(); err == nil || !strings.Contains(err.Error(), f.says) {
				t.Errorf("trouble: %v, want %q", err, f.says)
			}
			if _, err := s.Get(nil, numberedKey(7)); err != nil {
				t.Errorf("Get meanwhile: %v", err)
			}
			if err := s.Scan([]byte("m"), func(_, _ []byte) error { return nil }); err != nil {
				t.Errorf("Scan meanwhile: %v", err)
			}
			select {
			case err := <-done:
				t.Errorf("Commit has returned: %v", err)
			default:
			}
			d.fail(nil)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			<-log.ended
			if err := s.Trouble(); err != nil {
				t.Errorf("trouble: %v", err)
			}
			after := d.afterCut(t)
			shut(t, s)
			if f.durability == Fsync {
				d = after
			}
			s = openStore(t, d, f.durability, quiet())
			defer shut(t, s)
			checkNumbered(t, s, 200, 300)
		})
	}
}

func commit(t *testing.T, s *Store, b *store.Batch) {
	t.Helper()
	if err := s.Commit(b); err != nil {
		t.Fatal(err)
	}
}

func shut(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// Pebble writes in the background as well: sstables, its MANIFEST, new logs. What
// fails there comes right, too, and nothing that was committed is lost to a power cut.
func TestBackgroundFails(t *testing.T) {
	for _, f := range []struct {
		op, kind string
		every    int64
	}{
		{"write", ".sst", 5},
		{"sync", ".sst", 2},
		{"", "MANIFEST", 2},
		{"write", ".log", 10},
		{"sync", ".log", 4},
		{"create", "", 2},
		{"", "", 50},
	} {
		t.Run(f.op+f.kind, func(t *testing.T) {
			d := newBadDisk()
			s := openStore(t, d, Fsync, quiet())
			var ops, failed atomic.Int64
			d.fail(func(op, name string) error {
				if !strings.Contains(op, f.op) || !strings.Contains(name, f.kind) ||
					ops.Add(1)%f.every != 0 || failed.Add(1) > 3 {
					return nil
				}
				return syscall.EIO
			})
			const rounds, each, size = 60, 10, 1 << 10
			for i := range rounds {
				commit(t, s, numbered(i*each, each, size))
				if i%10 == 9 {
					if err := s.db.Flush(); err != nil {
						t.Fatal(err)
					}
				}
			}
			after := d.afterCut(t)
			d.fail(nil)
			shut(t, s)
			s = openStore(t, after, Fsync, quiet())
			defer shut(t, s)
			checkNumbered(t, s, rounds*each, size)
			if failed.Load() == 0 {
				t.Error("nothing has failed")
			}
		})
	}
}

// Close does not wait for a disk, and whoever waits for it in Commit is told.
func TestCloseInTrouble(t *testing.T) {
	for _, kind := range []string{".log", ".sst", ""} {
		t.Run(kind, func(t *testing.T) {
			d, log := newBadDisk(), newSigns()
			s := openStore(t, d, Fsync, log.logger())
			commit(t, s, numbered(0, 100, 300))
			d.fail(onlyFiles(kind, syscall.ENOSPC))
			if kind == ".sst" {
				if _, err := s.db.AsyncFlush(); err != nil {
					t.Fatal(err)
				}
			}
			done := make(chan error)
			kept := 100
			go func() {
				for {
					if err := s.Commit(numbered(kept, 100, 10<<10)); err != nil {
						done <- err
						return
					}
					kept += 100
				}
			}()
			<-log.began
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if err := <-done; !errors.Is(err, store.ErrClosed) {
				t.Errorf("Commit: %v", err)
			}
			after := d.afterCut(t)
			s = openStore(t, after, Fsync, quiet())
			defer shut(t, s)
			for i := range kept {
				if _, err := s.Get(nil, numberedKey(i)); err != nil {
					t.Fatalf("%d of %d: %v", i, kept, err)
				}
			}
		})
	}
}

// A disk that is broken when the store is opened is no reason to wait.
func TestOpenDoesNotWait(t *testing.T) {
	d := newBadDisk()
	s := openStore(t, d, Fsync, quiet())
	commit(t, s, numbered(0, 100, 300))
	shut(t, s)
	for _, fails := range []func(string, string) error{
		func(_, _ string) error { return syscall.EROFS },
		onlyFiles("MANIFEST", syscall.EROFS),
		onlyFiles(".sst", syscall.EROFS),
		only("sync", syscall.EROFS),
	} {
		d.fail(fails)
		began := time.Now()
		if _, err := Open("/data", Options{Durability: Fsync, FS: d, Logger: quiet()}); !errors.Is(err, syscall.EROFS) {
			t.Errorf("Open: %v", err)
		}
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
		d.fail(nil)
	}
	s = openStore(t, d, Fsync, quiet())
	defer shut(t, s)
	checkNumbered(t, s, 100, 300)
}
