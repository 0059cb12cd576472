package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/fletchmq/fletch/broker/store"
)

// Repair makes a damaged store in dir one that can be opened and read, with all that
// can still be read in it. What is damaged it keeps as it is, in a directory in dir.
// A store without damage it leaves alone. Nobody may have dir open.
//
// The error is a *store.DamageError if that is not possible: without its MANIFEST
// nobody knows which tables belong to a store. The Report says what has been done
// until then.
func Repair(dir string, o Options) (Report, error) {
	var r Report
	fs := o.fs()
	if err := isStore(fs, dir); err != nil {
		return r, err
	}
	var unlock io.Closer = io.NopCloser(nil)
	if vfs.Root(fs) == vfs.Default {
		var err error
		if unlock, err = lock(dir); err != nil {
			return r, err
		}
	}
	err := r.repair(fs, dir)
	if other := unlock.Close(); err == nil {
		err = other
	}
	if err != nil || len(r.Parts) == 0 {
		return r, err
	}
	return r, check(dir, o)
}

// isStore refuses to make a store of what never was one. A store may have lost its
// stamp.
func isStore(fs vfs.FS, dir string) error {
	other, err := strangers(fs, dir)
	if err != nil || slices.ContainsFunc(other, func(name string) bool { return strings.HasPrefix(name, "MANIFEST") }) {
		return err
	}
	return strange(dir, other)
}

// repair mends one file after the other. A crash in between leaves each as it was, or
// as it shall be.
func (r *Report) repair(fs vfs.FS, dir string) error {
	if err := r.repairStamp(fs, dir); err != nil {
		return err
	}
	wounds, err := inspect(fs, dir)
	if err != nil {
		return err
	}
	if err := repairable(fs, dir, wounds); err != nil {
		return err
	}
	for _, w := range wounds {
		path := fs.PathJoin(dir, w.name)
		if err := r.putAside(fs, dir, w.name); err != nil {
			return err
		}
		part := Part{File: w.name, Why: w.err, Kept: -1, Lost: -1}
		var healed []byte
		if filepath.Ext(w.name) == ".sst" {
			healed, err = part.table(fs, path)
		} else {
			healed, err = read(fs, path)
			healed = healed[:min(w.good, int64(len(healed)))]
			part.Rest = true
		}
		if err != nil {
			return damaged(path, fmt.Errorf("it cannot be repaired: %w", err))
		}
		if err := replace(fs, path, healed); err != nil {
			return err
		}
		r.Parts = append(r.Parts, part)
	}
	return nil
}

// repairable gives the damage that nothing can be done about.
func repairable(fs vfs.FS, dir string, wounds []wound) error {
	for _, w := range wounds {
		if strings.HasPrefix(w.name, "MANIFEST") {
			return damaged(fs.PathJoin(dir, w.name), fmt.Errorf(
				"it cannot be repaired, and nothing has been changed: it says which of the tables (*.sst) in %s count: %w", dir, w.err))
		}
	}
	return nil
}

// table gives what takes the place of a table.
func (p *Part) table(fs vfs.FS, path string) ([]byte, error) {
	info, err := fs.Stat(path)
	if err != nil {
		return nil, err
	}
	s, err := salvage(fs, path)
	if err != nil {
		return nil, err
	}
	var deletions int64
	if p.Kept, deletions = s.kept(); s.all >= 0 {
		p.Lost = s.all - p.Kept
	}
	p.Returns = s.deletions != deletions // -1 is not known
	if n := len(s.before); n > 0 {
		p.After = s.before[n-1].key.UserKey
	}
	if n := len(s.behind); n > 0 {
		p.Before = s.behind[n-1].key.UserKey
	}
	return s.table(info.Size())
}

func (r *Report) repairStamp(fs vfs.FS, dir string) error {
	var damage *store.DamageError
	err := stamp(fs, dir)
	if !errors.As(err, &damage) {
		return err
	}
	if err := r.putAside(fs, dir, stampName); err != nil {
		return err
	}
	r.Parts = append(r.Parts, Part{File: stampName, Why: damage.Err, Kept: -1, Lost: -1})
	return writeStamp(fs, dir)
}

// putAside copies a file of dir to where the damaged ones are kept.
func (r *Report) putAside(fs vfs.FS, dir, name string) error {
	if r.Aside == "" {
		r.Aside = fs.PathJoin(dir, time.Now().UTC().Format("damaged-20060102-150405"))
		if err := makeDir(fs, r.Aside); err != nil {
			return err
		}
	}
	content, err := read(fs, fs.PathJoin(dir, name))
	if err != nil {
		return err
	}
	return replace(fs, fs.PathJoin(r.Aside, name), content)
}

// replace makes content that of path, whole or not at all.
func replace(fs vfs.FS, path string, content []byte) error {
	draft := path + ".new"
	f, err := fs.Create(draft, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(bytes.Clone(content)) // which Write may change
	if err == nil {
		err = f.Sync()
	}
	if other := f.Close(); err == nil {
		err = other
	}
	if err == nil {
		err = fs.Rename(draft, path)
	}
	if err == nil {
		err = syncDir(fs, fs.PathDir(path))
	}
	return err
}

// check reads all that is in dir.
func check(dir string, o Options) error {
	s, err := Open(dir, o)
	if err != nil {
		return err
	}
	err = s.Scan(nil, func(_, _ []byte) error { return nil })
	return errors.Join(err, s.Close())
}
