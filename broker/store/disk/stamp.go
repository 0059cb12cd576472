package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A directory with a store has a file that says so, and in which format it is.
const (
	stampName  = "FLETCH"
	stampDraft = "FLETCH.new"
	stampText  = "fletch store "

	format = 1 // what this code writes, and the newest it reads
)

// strangers gives what is in dir and does not belong to a store, if there is none.
func strangers(fs vfs.FS, dir string) ([]string, error) {
	names, err := fs.List(dir)
	if err != nil || slices.Contains(names, stampName) {
		return nil, err
	}
	return slices.DeleteFunc(names, func(name string) bool {
		// An Open that was cut short leaves the first three, and mkfs the last.
		return name == stampDraft || name == ownerName || name == "LOCK" || name == "lost+found"
	}), nil
}

// strange is the error that those are in dir.
func strange(dir string, strangers []string) error {
	if len(strangers) == 0 {
		return nil
	}
	return fmt.Errorf("disk: %s is not a store, and not empty: it has %s", dir, strings.Join(strangers, ", "))
}

// stamp checks that the format of dir is known, or gives an empty dir a format.
func stamp(fs vfs.FS, dir string) error {
	text, err := read(fs, fs.PathJoin(dir, stampName))
	if errors.Is(err, os.ErrNotExist) {
		return writeStamp(fs, dir)
	}
	if err != nil {
		return err
	}
	number, ok := strings.CutPrefix(strings.TrimSpace(string(text)), stampText)
	n, err := strconv.Atoi(number)
	if !ok || err != nil {
		return damaged(fs.PathJoin(dir, stampName), fmt.Errorf("it says %q, not %q and a number", text, stampText))
	}
	if n > format {
		return fmt.Errorf("disk: %s is a store of format %d, and the newest known here is %d", dir, n, format)
	}
	return nil
}

func writeStamp(fs vfs.FS, dir string) error {
	draft := fs.PathJoin(dir, stampDraft)
	f, err := fs.Create(draft, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s%d\n", stampText, format)
	if err == nil {
		err = f.Sync()
	}
	if other := f.Close(); err == nil {
		err = other
	}
	if err == nil {
		err = fs.Rename(draft, fs.PathJoin(dir, stampName))
	}
	if err == nil {
		err = syncDir(fs, dir)
	}
	return err
}

func read(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// makeDir makes dir, with those above it, to stay.
func makeDir(fs vfs.FS, dir string) error {
	if _, err := fs.Stat(dir); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	above := fs.PathDir(dir)
	if err := makeDir(fs, above); err != nil {
		return err
	}
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(fs, above)
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if other := d.Close(); err == nil {
		err = other
	}
	return err
}
