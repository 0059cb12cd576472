package store

import (
	"fmt"
	"os"
)

// Commit implements Store: one frame, one call of the system.
func (d *Dir) Commit(b *Batch) error {
	switch {
	case d.closed:
		return ErrClosed
	case b.Len() == 0:
		return nil
	case len(b.frame) > maxFrame:
		return fmt.Errorf("store: a batch of %d bytes, more than %d", len(b.frame), maxFrame)
	}
	if err := d.roll(); err != nil {
		return err
	}
	last := d.last()
	d.pick(len(b.frame))
	err := d.write(last, b)
	if err != nil && d.move.Len() > 0 && !d.broken { // that has perhaps taken the last of the disk
		d.undo(last)
		d.move.Reset()
		err = d.write(last, b)
	}
	if err != nil {
		d.undo(last)
		return fmt.Errorf("store: %w", err)
	}
	for _, done := range []*Batch{&d.move, b} {
		if done.Len() > 0 {
			d.apply(last, done.ops(), last.size+frameHead)
			last.size += int64(len(done.frame))
		}
	}
	if d.move.Len() > 0 {
		d.copies = min(d.copies, last.number)
	}
	d.drop()
	return nil
}

// write puts what is moved and b behind each other, behind what is in last.
func (d *Dir) write(last *segment, b *Batch) error {
	if d.move.Len() > 0 {
		if err := last.write(d.move.frame, last.size); err != nil {
			return err
		}
	}
	if err := last.write(b.frame, last.size+int64(len(d.move.frame))); err != nil {
		return err
	}
	if d.options.Durability != Fsync {
		return nil
	}
	err := last.file.Sync()
	if err != nil {
		d.broken = true
		d.log.Error("store: the disk has not taken what was written", "file", last.path, "error", err)
	}
	return err
}

// undo takes away what has been written since the last commit. If it cannot, the
// next segment says that it does not count.
func (d *Dir) undo(last *segment) {
	d.reader = nil // what it has read has not been moved
	if err := last.file.Truncate(last.size); err != nil {
		d.broken = true
	}
}

// roll begins a new segment if the last one is full, or not to be trusted.
func (d *Dir) roll() error {
	last := d.last()
	if !d.broken && last.size < d.options.segmentSize {
		return nil
	}
	if err := d.begin(last.number+1, last.size); err != nil {
		return err
	}
	d.broken, d.stuck = false, false
	return last.close()
}

// begin makes a new segment the last one.
func (d *Dir) begin(number uint64, before int64) error {
	s := &segment{path: segmentPath(d.dir, number), number: number, before: before}
	if err := d.create(s); err != nil {
		os.Remove(s.path)
		return err
	}
	d.segments = append(d.segments, s)
	return nil
}

func (d *Dir) create(s *segment) error {
	err := d.openAs(s, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	if err = s.writeHead(); err == nil && d.options.Durability == Fsync {
		if err = s.file.Sync(); err == nil {
			err = syncDir(d.dir)
		}
	}
	if err != nil {
		s.close()
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// apply makes the changes of ops, which are at offset of s, those that count.
func (d *Dir) apply(s *segment, ops []byte, offset int64) {
	for len(ops) > 0 {
		op, size, _ := cutOp(ops)
		if old, ok := d.index[op.Key]; ok {
			old.in.live -= int64(old.size)
		}
		if op.Delete {
			delete(d.index, op.Key)
		} else {
			d.index[op.Key] = place{s, offset, size}
			s.live += int64(size)
		}
		ops = ops[size:]
		offset += int64(size)
	}
}
