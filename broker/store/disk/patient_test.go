package disk

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// patient runs test in a world with a time of its own, on a disk that can fail.
func patient(t *testing.T, test func(d *badDisk, fs *patientFS)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPatience(slog.New(slog.DiscardHandler))
		if err := p.opened(); err != nil {
			t.Fatal(err)
		}
		d := newBadDisk()
		test(d, newPatientFS(d, p, false))
	})
}

func create(t *testing.T, fs vfs.FS, name string) vfs.File {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func writeAll(t *testing.T, f io.Writer, b []byte) {
	t.Helper()
	if n, err := f.Write(bytes.Clone(b)); n != len(b) || err != nil {
		t.Fatalf("%d of %d bytes, %v", n, len(b), err)
	}
}

func content(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What has been written in part goes on where it ended.
func TestWriteGoesOn(t *testing.T) {
	patient(t, func(d *badDisk, fs *patientFS) {
		f := create(t, fs, "000001.log")
		want := bytes.Repeat([]byte("0123456789"), 100)
		d.fail(fullFor(7))
		writeAll(t, f, want[:500])
		d.fail(fullFor(3))
		writeAll(t, f, want[500:])
		if got := content(t, d, "000001.log"); !bytes.Equal(got, want) {
			t.Errorf("%q", got)
		}
		if err := fs.p.now(); err != nil {
			t.Errorf("trouble after all was written: %v", err)
		}
	})
}

// A Sync that works after one that did not has written all, to the disk.
func TestSyncWritesAgain(t *testing.T) {
	for _, name := range []string{"000001.log", "MANIFEST-000001", "OPTIONS-000003"} {
		patient(t, func(d *badDisk, fs *patientFS) {
			f := create(t, fs, name)
			want := bytes.Repeat([]byte("0123456789"), 100)
			writeAll(t, f, want[:300])
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
			writeAll(t, f, want[300:600])
			writeAll(t, f, want[600:])
			d.fail(fullFor(3))
			if err := f.Sync(); err != nil {
				t.Fatal(err)
			}
			if got := d.files[name].data; !bytes.Equal(got, want) {
				t.Errorf("%s: the disk has %d bytes of %d", name, len(got), len(want))
			}
		})
	}
}

// What fails when the kernel is told to begin to write is written again as well.
func TestSyncToFails(t *testing.T) {
	patient(t, func(d *badDisk, fs *patientFS) {
		f := create(t, fs, "000001.log")
		writeAll(t, f, []byte("something"))
		d.failAll(syscall.EIO)
		if _, err := f.SyncTo(4); err != nil {
			t.Fatal(err)
		}
		d.fail(nil)
		d.files["000001.log"].dirty = nil // the kernel has thrown it away
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if got := d.files["000001.log"].data; string(got) != "something" {
			t.Errorf("the disk has %q", got)
		}
	})
}

// A log that has been used before is written over, at its place.
func TestReusedLogIsWrittenAgain(t *testing.T) {
	patient(t, func(d *badDisk, fs *patientFS) {
		f := create(t, fs, "000001.log")
		writeAll(t, f, []byte("old old old old"))
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		d.fail(fullFor(5))
		f, err := fs.ReuseForWrite("000001.log", "000002.log", vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		writeAll(t, f, []byte("new "))
		writeAll(t, f, []byte("new "))
		d.fail(fullFor(2))
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if got := d.files["000002.log"].data; string(got) != "new new old old" {
			t.Errorf("the disk has %q", got)
		}
	})
}

// An sstable is given back to who can write it again, when the disk works again.
func TestTableIsNotSynced(t *testing.T) {
	patient(t, func(d *badDisk, fs *patientFS) {
		f := create(t, fs, "000004.sst")
		writeAll(t, f, []byte("a table"))
		d.failAll(syscall.EIO)
		time.AfterFunc(time.Minute, func() { d.fail(nil) })
		began := time.Now()
		if err := f.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("Sync: %v", err)
		}
		if took := time.Since(began); took < time.Minute || took > time.Minute+2*maxPause {
			t.Errorf("after %v", took)
		}
	})
}

func TestTroubleSaysWhatAndWhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		p := newPatience(slog.New(slog.NewTextHandler(&log, nil)))
		if err := p.opened(); err != nil {
			t.Fatal(err)
		}
		d := newBadDisk()
		f := create(t, newPatientFS(d, p, false), "000012.log")
		d.failAll(syscall.ENOSPC)
		go f.Write([]byte("x"))
		time.Sleep(5 * time.Second)
		if err := p.now(); err == nil || err.Error() != "write 000012.log: no space left on device" || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("trouble: %v", err)
		}
		d.fail(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if err := p.now(); err != nil {
			t.Errorf("still %v", err)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "level=ERROR") || !strings.Contains(lines[0], "no space left") ||
			!strings.Contains(lines[1], "level=INFO") || !strings.Contains(lines[1], "after=5.") {
			t.Errorf("log: %q", lines)
		}
	})
}

// Nothing is written any more once one thing could not, so that what the disk has is
// what a crash had left.
func TestOverIsACrash(t *testing.T) {
	patient(t, func(d *badDisk, fs *patientFS) {
		f := create(t, fs, "000001.log")
		writeAll(t, f, []byte("kept"))
		d.failAll(syscall.EROFS)
		done := make(chan bool)
		go func() {
			defer close(done)
			f.Write([]byte("lost"))
		}()
		synctest.Wait()
		fs.p.closing()
		<-done
		d.fail(nil)
		writeAll(t, f, []byte("late"))
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		if err := fs.Rename("000001.log", "000002.log"); err != nil {
			t.Fatal(err)
		}
		if err := fs.Remove("000001.log"); err != nil {
			t.Fatal(err)
		}
		writeAll(t, create(t, fs, "000003.sst"), []byte("shadow"))
		if got := content(t, fs, "000003.sst"); string(got) != "shadow" {
			t.Errorf("read back %q", got)
		}
		if got := content(t, d, "000001.log"); !bytes.HasPrefix([]byte("keptlost"), got) {
			t.Errorf("the disk has %q", got)
		}
		if names, _ := d.List(""); len(names) != 1 {
			t.Errorf("the disk has %q", names)
		}
		if !fs.p.isOver() {
			t.Error("nobody is told")
		}
	})
}
