package store

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// repairFrame is from what size on a frame is written, in bytes.
const repairFrame = 1 << 20

// repair copies the records to a new segment and puts the others, which have these
// numbers, aside. When it is cut short, the next one finds the same records.
func (d *Dir) repair(numbers []uint64) error {
	s := &segment{number: numbers[len(numbers)-1] + 1}
	s.path = strings.TrimSuffix(segmentPath(d.dir, s.number), suffix) + newSuffix
	if err := d.create(s); err != nil {
		return err
	}
	err := d.copyTo(s)
	if err == nil {
		err = s.file.Sync()
	}
	if other := s.close(); err == nil {
		err = other
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return d.replaceBy(s, numbers)
}

// copyTo writes all records to s.
func (d *Dir) copyTo(s *segment) error {
	var b Batch
	flush := func() error {
		if b.Len() == 0 {
			return nil
		}
		if err := s.write(b.frame, s.size); err != nil {
			return err
		}
		d.apply(s, b.ops(), s.size+frameHead)
		s.size += int64(len(b.frame))
		b.Reset()
		return nil
	}
	err := d.Load(func(key uint64, value []byte) error {
		if b.Put(key, value); b.Size() < repairFrame {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// replaceBy makes s, which is written, the log.
func (d *Dir) replaceBy(s *segment, numbers []uint64) error {
	for _, old := range d.segments {
		old.close()
	}
	d.segments = []*segment{s}
	path := segmentPath(d.dir, s.number)
	err := os.Rename(s.path, path)
	if err == nil {
		err = syncDir(d.dir)
	}
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	s.path = path
	if err := d.putAside(numbers); err != nil {
		return err
	}
	_, err = d.open(s)
	return err
}

// putAside renames the segments with these numbers, those that are there.
func (d *Dir) putAside(numbers []uint64) error {
	for _, n := range numbers {
		path := segmentPath(d.dir, n)
		err := os.Rename(path, strings.TrimSuffix(path, suffix)+oldSuffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("store: %w", err)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	return syncDir(d.dir)
}
