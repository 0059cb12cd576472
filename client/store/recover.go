package store

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// recovery is what OpenDir finds.
type recovery struct {
	*Dir
	damaged bool  // and it is to be repaired
	cut     int64 // bytes that the last commit has left half written
}

func (d *Dir) recover(numbers []uint64) error {
	r := recovery{Dir: d}
	defer d.closeOld()
	for i, n := range numbers {
		if i > 0 && n != numbers[i-1]+1 {
			if err := r.damage(segmentPath(d.dir, n-1), 0, os.ErrNotExist); err != nil {
				return err
			}
		}
		if err := r.adopt(numbers, i); err != nil {
			return err
		}
	}
	for _, s := range d.segments {
		if err := r.replay(s); err != nil {
			return err
		}
	}
	var err error
	switch {
	case r.damaged:
		err = d.repair(numbers)
	case len(d.segments) == 0:
		err = d.begin(1, 0)
	}
	if err != nil {
		return err
	}
	live := int64(0)
	for _, s := range d.segments {
		live += s.live
	}
	d.log.Info("store: open", "dir", d.dir, "records", len(d.index), "bytes", live, "cut", r.cut, "repaired", r.damaged)
	return nil
}

// damage gives what has been found as an error, or says it if it is to be repaired.
func (r *recovery) damage(file string, offset int64, found error) error {
	err := &DamageError{file, offset, found}
	if !r.options.Repair {
		return err
	}
	r.damaged = true
	r.log.Error("store: damaged, to be repaired", "file", file, "offset", offset, "error", found)
	return nil
}

// adopt takes the segment with number i into the log.
func (r *recovery) adopt(numbers []uint64, i int) error {
	number, last := numbers[i], i == len(numbers)-1
	s := &segment{path: segmentPath(r.dir, number), number: number}
	info, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if _, err := r.open(s); err != nil {
		return err
	}
	defer s.close()
	s.size = info.Size()
	err = s.readHead(s.size)
	var damage *DamageError
	switch {
	case errors.Is(err, errUnbegun) && last:
		r.cut += s.size
		s.close()
		return os.Remove(s.path)
	case errors.Is(err, errUnbegun):
		return r.damage(s.path, 0, err)
	case errors.As(err, &damage):
		return r.damage(s.path, damage.Offset, damage.Err)
	case err != nil:
		return err
	}
	if s.before == 0 { // a repair has begun with it, and has not put all others aside
		r.segments, r.damaged = []*segment{s}, false
		return r.putAside(numbers[:i])
	}
	if n := len(r.segments); n > 0 && r.segments[n-1].number == number-1 {
		before := r.segments[n-1]
		if before.size < s.before {
			err = r.damage(before.path, before.size, fmt.Errorf("it ends, and has had %d bytes", s.before))
		}
		before.size = min(before.size, s.before)
	}
	r.segments = append(r.segments, s)
	return err
}

// replay makes the changes in s.
func (r *recovery) replay(s *segment) error {
	file, err := r.open(s)
	if err != nil {
		return err
	}
	if s != r.last() {
		defer s.close()
	}
	for in := newFrames(file, s.salt, segmentHead, s.size); ; {
		ops, at, err := in.next()
		switch err {
		case nil:
			r.apply(s, ops, at)
		case io.EOF:
			return r.firm(file)
		case errShort, errSum, errOps:
			whole, other := nextWhole(file, s.salt, in.offset, s.size)
			if other != nil {
				return fmt.Errorf("store: %w", other)
			}
			if s == r.last() && whole < 0 && err != errOps {
				r.cut += s.size - in.offset
				if err := file.Truncate(in.offset); err != nil {
					return fmt.Errorf("store: %w", err)
				}
				s.size = in.offset
				return r.firm(file)
			}
			if err := r.damage(s.path, in.offset, err); err != nil {
				return err
			}
			if whole < 0 {
				return nil
			}
			in = newFrames(file, s.salt, whole, s.size)
		default:
			return fmt.Errorf("store: %w", err)
		}
	}
}

// firm makes what has been read as safe as what is committed: the last process may
// not have got so far.
func (r *recovery) firm(file logFile) error {
	if r.options.Durability != Fsync {
		return nil
	}
	return file.Sync()
}
