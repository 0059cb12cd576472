package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// patientFS is a file system that waits until what fails works again.
//
// Retried is what Pebble ends the process for: creating and renaming files, writing
// and syncing them. What it deletes in vain it leaves for its next start, what it
// cannot read it says to who asks for it.
type patientFS struct {
	vfs.FS
	p *patience

	// lazy says that no commit waits for a Sync of the log, so that the log need not
	// keep what has not been synced.
	lazy bool

	// shadow takes the files that are created when nothing is written any more.
	shadow *vfs.MemFS
}

func newPatientFS(base vfs.FS, p *patience, lazy bool) *patientFS {
	return &patientFS{FS: base, p: p, lazy: lazy, shadow: vfs.NewMem()}
}

// Unwrap gives the file system beneath.
func (f *patientFS) Unwrap() vfs.FS { return f.FS }

// Create makes name anew.
func (f *patientFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.opened("create", name, func() (vfs.File, error) { return f.FS.Create(name, c) })
}

// OpenReadWrite opens name, and makes it if it is not there.
func (f *patientFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return f.opened("open", name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, o...) })
}

// ReuseForWrite makes of oldname a newname to be written over.
func (f *patientFS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return f.OpenReadWrite(newname, c)
}

// Rename moves oldname to newname, whatever that was.
func (f *patientFS) Rename(oldname, newname string) error {
	return f.change("rename", oldname, func() error { return f.FS.Rename(oldname, newname) })
}

// Link makes newname another name of oldname.
func (f *patientFS) Link(oldname, newname string) error {
	return f.change("link", newname, func() error { return f.FS.Link(oldname, newname) })
}

// MkdirAll makes dir and what is above it.
func (f *patientFS) MkdirAll(dir string, perm os.FileMode) error {
	return f.change("mkdir", dir, func() error { return f.FS.MkdirAll(dir, perm) })
}

// Remove takes away name.
func (f *patientFS) Remove(name string) error {
	if f.p.isOver() {
		return nil
	}
	return f.FS.Remove(name)
}

// RemoveAll takes away name and what is in it.
func (f *patientFS) RemoveAll(name string) error {
	if f.p.isOver() {
		return nil
	}
	return f.FS.RemoveAll(name)
}

// OpenDir opens name to be synced.
func (f *patientFS) OpenDir(name string) (vfs.File, error) {
	dir, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &patientDir{dir, f.p, name}, nil
}

// Open opens name for reading.
func (f *patientFS) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.Open(name, o...)
	if errors.Is(err, fs.ErrNotExist) && f.p.isOver() {
		return f.shadow.Open(filepath.Base(name), o...)
	}
	return file, err
}

// Stat says what name is.
func (f *patientFS) Stat(name string) (vfs.FileInfo, error) {
	info, err := f.FS.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && f.p.isOver() {
		return f.shadow.Stat(filepath.Base(name))
	}
	return info, err
}

// change does do as insist, and nothing when all is over.
func (f *patientFS) change(op, name string, do func() error) error {
	if err := f.insist(op, name, do); err != errOver {
		return err
	}
	return nil
}

// errOver is that nothing is written any more.
var errOver = errors.New("disk: the store has given up writing")

// insist does do until it works, or says that a file is there, or that it is not:
// that is an answer, and no failure.
func (f *patientFS) insist(op, name string, do func() error) error {
	var answer error
	if f.p.insist(op, name, func() error {
		err := do()
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			answer, err = err, nil
		}
		return err
	}) {
		return answer
	}
	return errOver
}

// opened is the file that open gives, when it does.
func (f *patientFS) opened(op, name string, open func() (vfs.File, error)) (vfs.File, error) {
	var file vfs.File
	err := f.insist(op, name, func() (err error) {
		file, err = open()
		return err
	})
	if errors.Is(err, errOver) {
		return f.shadow.Create(filepath.Base(name), vfs.WriteCategoryUnspecified)
	}
	if err != nil {
		return nil, err
	}
	return &patientFile{
		File: file, p: f.p, name: name,
		once: strings.HasSuffix(name, ".sst"),
		keep: !strings.HasSuffix(name, ".sst") && !(f.lazy && strings.HasSuffix(name, ".log")),
	}, nil
}
