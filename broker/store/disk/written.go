package disk

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// writtenFS does not sync a log of Pebble at each commit, but when it is closed:
// Pebble begins a log only when the one before it is closed, so the logs never have
// a hole. All other files are synced as ever, so what they say of each other holds.
type writtenFS struct{ vfs.FS }

func (fs writtenFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, c)
	return written(name, f, err)
}

func (fs writtenFS) ReuseForWrite(from, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(from, name, c)
	return written(name, f, err)
}

// Unwrap is for vfs.Root.
func (fs writtenFS) Unwrap() vfs.FS { return fs.FS }

func written(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return writtenFile{f}, nil
}

type writtenFile struct{ vfs.File }

func (writtenFile) Sync() error     { return nil }
func (writtenFile) SyncData() error { return nil }

// SyncTo would be a sync of the whole file where Pebble does not trust the system to
// begin one, that is on all but ext4.
func (writtenFile) SyncTo(int64) (all bool, err error) { return false, nil }

func (f writtenFile) Close() error {
	err := f.File.Sync()
	if other := f.File.Close(); err == nil {
		err = other
	}
	return err
}
