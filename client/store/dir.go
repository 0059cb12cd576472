package store

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
)

// Dir is a Store in a directory, a log of what has been committed. It keeps in memory
// where the records are, some 100 bytes for each, not what they say. On the disk it takes
// up to twice what they say and some megabytes, and for moments, while commits come
// faster than the disk gets rid of old ones, up to five times that.
//
// When a Commit cannot write, say because the disk is full, the log is left as it
// was, and a later one can succeed. When the disk says that it could not take what was
// written (fsync), what the system holds in memory of that file is not trusted any
// more: the next Commit begins a new one, which says how much of the last one counts.
// If the machine stops before that, the commit with the error may count after all.
type Dir struct {
	dir     string
	options DirOptions
	log     *slog.Logger
	lock    io.Closer

	segments []*segment // the oldest first, the last takes the commits
	index    map[uint64]place
	broken   bool // the last segment takes no more
	closed   bool

	// Cleaning, see clean.go.
	move    Batch
	reader  *frames  // of the oldest segment, nil if that is not being cleaned
	copies  uint64   // the first segment that may have copies from the oldest
	removal *removal // nil if none goes on
	stuck   bool     // cleaning has failed, until the next segment begins
}

// place is where a record is.
type place struct {
	in     *segment
	offset int64 // of its change
	size   int   // of its change, with the key
}

// OpenDir opens the store in dir, and makes the directory if it is not there. What
// the last commit has left half written when the process was killed is cut off. The
// error is a *DamageError if the files are not as they were written in another way,
// unless o.Repair is set; others say that another process has it open, that dir is
// something else, or that its format is newer than this code.
func OpenDir(dir string, o DirOptions) (*Dir, error) {
	d := &Dir{dir: dir, options: o, log: o.Logger, index: make(map[uint64]place)}
	if d.log == nil {
		d.log = slog.Default()
	}
	if d.options.segmentSize == 0 {
		d.options.segmentSize = segmentSize
	}
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if _, err := d.list(); err != nil { // nothing is written into what is something else
		return nil, err
	}
	var err error
	if d.lock, err = lock(dir); err != nil {
		return nil, err
	}
	numbers, err := d.list() // another process may have changed it until now
	if err == nil {
		err = d.recover(numbers)
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// list gives the numbers of the segments in dir, in their order. If there are none,
// nothing else may be there either.
func (d *Dir) list() (numbers []uint64, err error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var strangers []string
	for _, e := range entries {
		if n, ok := segmentNumber(e.Name()); ok {
			numbers = append(numbers, n)
		} else if e.Name() != ownerName && e.Name() != "lost+found" {
			strangers = append(strangers, e.Name())
		}
	}
	if len(numbers) == 0 && len(strangers) > 0 {
		return nil, fmt.Errorf("store: %s is not a client's store, and not empty: it has %q", d.dir, strangers)
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Load implements Store.
func (d *Dir) Load(put func(key uint64, value []byte) error) error {
	if d.closed {
		return ErrClosed
	}
	defer d.closeOld()
	var buf []byte
	for _, key := range slices.Sorted(maps.Keys(d.index)) {
		p := d.index[key]
		file, err := d.open(p.in)
		if err != nil {
			return err
		}
		buf = slices.Grow(buf[:0], p.size)[:p.size]
		if _, err := file.ReadAt(buf, p.offset); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if err := put(key, buf[opHead:]); err != nil {
			return err
		}
	}
	return nil
}

// closeOld closes the files that commits do not need.
func (d *Dir) closeOld() {
	for _, s := range d.segments[:max(0, len(d.segments)-1)] {
		s.close()
	}
	d.reader = nil
}

func (d *Dir) last() *segment { return d.segments[len(d.segments)-1] }

// open gives the file of s, which stays open.
func (d *Dir) open(s *segment) (logFile, error) {
	if s.file != nil {
		return s.file, nil
	}
	return s.file, d.openAs(s, os.O_RDWR)
}

func (d *Dir) openAs(s *segment, flags int) error {
	f, err := os.OpenFile(s.path, flags, 0o600)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if s.file = f; d.options.wrap != nil {
		s.file = d.options.wrap(f)
	}
	return nil
}

// Close implements Store.
func (d *Dir) Close() error {
	if d.closed {
		return ErrClosed
	}
	d.closed = true
	if d.removal != nil { // what it removes belongs to the next one from now on
		<-d.removal.done
	}
	var errs []error
	for _, s := range d.segments {
		errs = append(errs, s.close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}
