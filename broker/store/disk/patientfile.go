package disk

import (
	"github.com/cockroachdb/pebble/v2/vfs"
)

// patientFile is a file of a patientFS. As all files of Pebble it is written from its
// beginning to its end, by one goroutine at a time.
//
// When a Sync has failed, the kernel may have thrown away what it could not write,
// and the next Sync that works proves nothing. So the file keeps what has been
// written since the last one that worked, and writes it again before it tries again.
// That is what a group of commits, or one entry of the MANIFEST, has written.
type patientFile struct {
	vfs.File
	p    *patience
	name string

	// once says that Sync is not tried again: Pebble writes the whole file again, with
	// another name. That is so for sstables, which are too large to be kept.
	once bool

	keep     bool
	unsynced []byte
	at       int64 // where the next Write goes, behind unsynced
	failed   error // of the last Sync or SyncTo that has said something
}

// keepUnsynced is how much memory a file keeps once all is synced, in bytes.
const keepUnsynced = 1 << 20

// Write writes b, all of it.
func (f *patientFile) Write(b []byte) (int, error) {
	if f.keep {
		f.unsynced = append(f.unsynced, b...)
	}
	f.at += int64(len(b))
	for rest := b; len(rest) > 0; {
		if !f.p.insist("write", f.name, func() error {
			n, err := f.File.Write(rest)
			rest = rest[n:]
			return err
		}) {
			break
		}
	}
	return len(b), nil
}

// Sync returns when the disk has what has been written, and all about the file.
func (f *patientFile) Sync() error { return f.sync(f.File.Sync) }

// SyncData returns when the disk has what has been written.
func (f *patientFile) SyncData() error { return f.sync(f.File.SyncData) }

// SyncTo begins to write to the disk what has been written. A failure counts for the
// next Sync, which would not hear of it again.
func (f *patientFile) SyncTo(length int64) (full bool, err error) {
	if f.p.isOver() {
		return false, nil
	}
	if full, err = f.File.SyncTo(length); err != nil {
		f.failed = err
		return false, nil
	}
	return full, nil
}

// Preallocate reserves room.
func (f *patientFile) Preallocate(offset, length int64) error {
	if f.p.isOver() {
		return nil
	}
	return f.File.Preallocate(offset, length)
}

// Close closes the file. That fails only for what has not been synced: it is no worse
// off than before.
func (f *patientFile) Close() error {
	if err := f.File.Close(); err != nil {
		f.p.log.Warn("the store cannot close a file", "error", failure("close", f.name, err))
	}
	return nil
}

func (f *patientFile) sync(sync func() error) error {
	if f.once {
		return f.syncOnce(sync)
	}
	if !f.p.insist("sync", f.name, func() error {
		if f.failed != nil && len(f.unsynced) > 0 {
			if _, err := f.File.WriteAt(f.unsynced, f.at-int64(len(f.unsynced))); err != nil {
				return err
			}
		}
		f.failed = sync()
		return f.failed
	}) {
		return nil
	}
	if f.unsynced = f.unsynced[:0]; cap(f.unsynced) > keepUnsynced {
		f.unsynced = nil
	}
	return nil
}

// syncOnce gives the error of sync, but not before the disk seems to work again:
// Pebble takes no breath before it writes the file once more.
func (f *patientFile) syncOnce(sync func() error) error {
	err := f.failed
	if f.failed = nil; err == nil {
		if f.p.isOver() {
			return nil
		}
		err = sync()
	}
	if err == nil {
		return nil
	}
	err = failure("sync", f.name, err)
	t := f.p.begin(err)
	defer f.p.end(t)
	for f.p.pause(maxPause) {
		if sync() == nil {
			return err
		}
	}
	return nil
}

// patientDir is a directory of a patientFS. Any number of goroutines may sync it.
// There is nothing that could be written again before.
type patientDir struct {
	vfs.File
	p    *patience
	name string
}

// Sync returns when the disk has the names in the directory.
func (d *patientDir) Sync() error {
	d.p.insist("sync", d.name, d.File.Sync)
	return nil
}
