package main

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// slowDisk is a disk in memory on which Sync takes its time, as on others: so commits
// wait for each other, and the power goes between what is written and what is synced.
type slowDisk struct {
	vfs.FS
	mem     *vfs.MemFS
	hurries atomic.Bool
}

func newSlowDisk(mem *vfs.MemFS) *slowDisk { return &slowDisk{FS: mem, mem: mem} }

// hurry lets Sync take no time from now on.
func (d *slowDisk) hurry() { d.hurries.Store(true) }

// sync does do at some time within one that is between a tenth of a millisecond and
// three.
func (d *slowDisk) sync(do func() error) error {
	if d.hurries.Load() {
		return do()
	}
	takes := 100*time.Microsecond + rand.N(2900*time.Microsecond)
	before := rand.N(takes)
	time.Sleep(before)
	defer time.Sleep(takes - before)
	return do()
}

// Unwrap is for vfs.Root.
func (d *slowDisk) Unwrap() vfs.FS { return d.mem }

// Create makes name anew.
func (d *slowDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.mem.Create(name, c)
	return d.file(f, err)
}

// OpenReadWrite opens name, and makes it if it is not there.
func (d *slowDisk) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.mem.OpenReadWrite(name, c, o...)
	return d.file(f, err)
}

// ReuseForWrite makes of from a name to be written over.
func (d *slowDisk) ReuseForWrite(from, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.mem.ReuseForWrite(from, name, c)
	return d.file(f, err)
}

// OpenDir opens name to be synced.
func (d *slowDisk) OpenDir(name string) (vfs.File, error) {
	f, err := d.mem.OpenDir(name)
	return d.file(f, err)
}

func (d *slowDisk) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return slowFile{f, d}, nil
}

type slowFile struct {
	vfs.File
	disk *slowDisk
}

func (f slowFile) Sync() error     { return f.disk.sync(f.File.Sync) }
func (f slowFile) SyncData() error { return f.disk.sync(f.File.SyncData) }
