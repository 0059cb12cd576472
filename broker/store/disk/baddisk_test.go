package disk

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// badDisk is a file system in memory that can fail. Unlike a good one in an error, it
// writes a part of what it is given before it fails, and what a failed Sync had to
// write it forgets, while reading goes on as if nothing were, as Linux does.
type badDisk struct {
	vfs.FS

	mu    sync.Mutex
	fails func(op, name string) error
	files map[string]*platter
}

// platter is what the disk has of a file.
type platter struct {
	data  []byte
	dirty []span // not written to it yet
}

type span struct {
	at   int64
	data []byte
}

func newBadDisk() *badDisk {
	return &badDisk{FS: vfs.NewMem(), files: make(map[string]*platter)}
}

// fail makes operations fail when fails gives an error, until it is called with nil.
func (d *badDisk) fail(fails func(op, name string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails = fails
}

// failAll makes all that changes something fail with err.
func (d *badDisk) failAll(err error) {
	d.fail(func(_, _ string) error { return err })
}

func (d *badDisk) err(op, name string) error {
	d.mu.Lock()
	fails := d.fails
	d.mu.Unlock()
	if fails == nil {
		return nil
	}
	return fails(op, filepath.Base(name))
}

// afterCut is what there is when the power was cut: names and what has been synced.
func (d *badDisk) afterCut(t *testing.T) *badDisk {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newBadDisk()
	for name, p := range d.files {
		if err := after.FS.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := after.FS.Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(append([]byte(nil), p.data...)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		after.files[name] = &platter{data: append([]byte(nil), p.data...)}
	}
	return after
}

func (d *badDisk) Unwrap() vfs.FS { return d.FS }

func (d *badDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := d.err("create", name); err != nil {
		return nil, err
	}
	f, err := d.FS.Create(name, c)
	if err != nil {
		return nil, err
	}
	p := &platter{}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[name] = p
	return &badFile{File: f, d: d, p: p, name: name}, nil
}

func (d *badDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	if err := d.err("open", name); err != nil {
		return nil, err
	}
	f, err := d.FS.OpenReadWrite(name, c, o...)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.files[name]
	if p == nil {
		p = &platter{}
		d.files[name] = p
	}
	return &badFile{File: f, d: d, p: p, name: name}, nil
}

func (d *badDisk) ReuseForWrite(string, string, vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, errors.New("badDisk: ReuseForWrite is Rename and OpenReadWrite")
}

func (d *badDisk) Rename(oldname, newname string) error {
	if err := d.err("rename", oldname); err != nil {
		return err
	}
	if err := d.FS.Rename(oldname, newname); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.files[oldname]; p != nil {
		delete(d.files, oldname)
		d.files[newname] = p
	}
	return nil
}

func (d *badDisk) Remove(name string) error {
	if err := d.err("remove", name); err != nil {
		return err
	}
	d.mu.Lock()
	delete(d.files, name)
	d.mu.Unlock()
	return d.FS.Remove(name)
}

func (d *badDisk) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	return badDir{f, d, name}, err
}

type badDir struct {
	vfs.File
	d    *badDisk
	name string
}

func (f badDir) Sync() error { return f.d.err("sync", f.name) }

type badFile struct {
	vfs.File
	d    *badDisk
	p    *platter
	name string
	at   int64
}

func (f *badFile) Write(b []byte) (int, error) {
	err := f.d.err("write", f.name)
	if err != nil && len(b) > 0 {
		b = b[:rand.IntN(len(b))]
	}
	f.dirty(f.at, b)
	n, werr := f.File.Write(b)
	f.at += int64(n)
	return n, errors.Join(err, werr)
}

func (f *badFile) WriteAt(b []byte, at int64) (int, error) {
	if err := f.d.err("write", f.name); err != nil {
		return 0, err
	}
	f.dirty(at, b)
	return f.File.WriteAt(b, at)
}

func (f *badFile) dirty(at int64, b []byte) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.p.dirty = append(f.p.dirty, span{at, append([]byte(nil), b...)})
}

func (f *badFile) SyncData() error { return f.Sync() }

func (f *badFile) Sync() error {
	err := f.d.err("sync", f.name)
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	for _, s := range f.p.dirty {
		if err != nil {
			break
		}
		if end := int(s.at) + len(s.data); end > len(f.p.data) {
			f.p.data = append(f.p.data, make([]byte, end-len(f.p.data))...)
		}
		copy(f.p.data[s.at:], s.data)
	}
	f.p.dirty = nil
	return err
}

func (f *badFile) SyncTo(int64) (bool, error) {
	return false, f.d.err("sync", f.name)
}

// fullFor fails the first n times it is asked.
func fullFor(n int) func(op, name string) error {
	var mu sync.Mutex
	return func(_, _ string) error {
		mu.Lock()
		defer mu.Unlock()
		if n--; n >= 0 {
			return syscall.ENOSPC
		}
		return nil
	}
}
