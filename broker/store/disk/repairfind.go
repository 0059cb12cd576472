package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// wound is a file that is not as it was written.
type wound struct {
	name string // in the directory of the store
	err  error
	good int64 // how many bytes at the beginning of a log or MANIFEST can be read
}

func (w *wound) damage(fs vfs.FS, dir string) error {
	return damaged(fs.PathJoin(dir, w.name), w.err)
}

// inspect gives what is damaged in dir, as far as that shows. It reads all.
func inspect(fs vfs.FS, dir string) ([]wound, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var wounds []wound
	for _, name := range names {
		var w wound
		switch path := fs.PathJoin(dir, name); filepath.Ext(name) {
		case ".sst":
			w.err = inspectTable(fs, path)
		case ".log":
			w, err = inspectLog(fs, path, logNumber(name), name == lastLog(names))
		}
		if err != nil {
			return nil, err
		}
		if w.name = name; w.err != nil {
			wounds = append(wounds, w)
		}
	}
	w, err := inspectManifest(fs, dir)
	if w.err != nil {
		wounds = append(wounds, w)
	}
	return wounds, err
}

func lastLog(names []string) string {
	last := ""
	for _, name := range names {
		if strings.HasSuffix(name, ".log") && logNumber(name) >= logNumber(last) {
			last = name
		}
	}
	return last
}

func logNumber(name string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimSuffix(name, ".log"), 10, 64)
	return n
}

func inspectTable(fs vfs.FS, path string) error {
	t, err := openTable(fs, path)
	if err != nil {
		return err
	}
	defer t.Close()
	return t.ValidateBlockChecksums()
}

func openTable(fs vfs.FS, path string) (*sstable.Reader, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	t, err := sstable.NewReader(context.Background(), readable, tableReaderOptions())
	if err != nil {
		readable.Close()
		return nil, err
	}
	return t, nil
}

// inspectLog reads a log as Pebble does when it opens a store: the last one may end
// anywhere, but not before what has been synced.
func inspectLog(fs vfs.FS, path string, number uint64, last bool) (wound, error) {
	good, err := readRecords(fs, path, number)
	if errors.Is(err, io.EOF) {
		return wound{}, nil
	}
	if !isBroken(err) {
		return wound{}, err
	}
	w := wound{err: fmt.Errorf("it cannot be read behind offset %d: %w", good, err), good: good}
	if !last || !errors.Is(err, record.ErrUnexpectedEOF) {
		return w, nil
	}
	text, err := read(fs, path)
	if err != nil || !logGoesOn(text, good, uint32(number)) {
		return wound{}, err
	}
	return w, nil
}

// inspectManifest reads the list of the tables. Pebble takes the place where it
// cannot be read for its end, and then deletes the tables it does not know of. An end
// that a crash has left is one entry that is not there in full.
func inspectManifest(fs vfs.FS, dir string) (wound, error) {
	name, err := manifest(fs, dir)
	if name == "" || err != nil {
		return wound{}, err
	}
	path := fs.PathJoin(dir, name)
	good, err := readRecords(fs, path, 0)
	if errors.Is(err, io.EOF) {
		return wound{}, nil
	}
	if !isBroken(err) {
		return wound{}, err
	}
	text, readErr := read(fs, path)
	if readErr != nil {
		return wound{}, readErr
	}
	if rest := text[min(good, int64(len(text))):]; isCut(rest) && !manifestGoesOn(rest) {
		return wound{}, nil
	}
	return wound{name: name, err: fmt.Errorf("it cannot be read behind offset %d: %w", good, err), good: good}, nil
}

// inspectLast is inspect for what Pebble does not notice when it opens a store.
func inspectLast(fs vfs.FS, dir string) (wound, error) {
	names, err := fs.List(dir)
	if err != nil {
		return wound{}, err
	}
	if name := lastLog(names); name != "" {
		w, err := inspectLog(fs, fs.PathJoin(dir, name), logNumber(name), true)
		if w.name = name; w.err != nil || err != nil {
			return w, err
		}
	}
	return inspectManifest(fs, dir)
}

// manifest is the name of the one that counts.
func manifest(fs vfs.FS, dir string) (string, error) {
	names, err := fs.List(dir)
	if err != nil {
		return "", err
	}
	current, newest := "", uint64(0)
	for _, name := range names { // marker.manifest.000002.MANIFEST-000007
		part := strings.Split(name, ".")
		if len(part) != 4 || part[0] != "marker" || part[1] != "manifest" {
			continue
		}
		if n, err := strconv.ParseUint(part[2], 10, 64); err == nil && n >= newest {
			current, newest = part[3], n
		}
	}
	return current, nil
}

// readRecords reads to where that is not possible, and says where that is and why;
// io.EOF is the end.
func readRecords(fs vfs.FS, path string, number uint64) (good int64, err error) {
	f, err := fs.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r := newRecordReader(record.NewReader, f, number)
	for {
		good = r.Offset()
		one, err := r.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, one)
		}
		if err != nil {
			return good, err
		}
	}
}

// newRecordReader calls create, whose type of number has no name outside of Pebble.
func newRecordReader[N ~uint64](create func(io.Reader, N) *record.Reader, r io.Reader, number uint64) *record.Reader {
	return create(r, N(number))
}

func isBroken(err error) bool {
	return errors.Is(err, record.ErrInvalidChunk) || errors.Is(err, record.ErrZeroedChunk) || errors.Is(err, record.ErrUnexpectedEOF)
}
