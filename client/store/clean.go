package store

import (
	"io"
	"os"
)

// cleanStep is how many bytes of the oldest segment a Commit looks through at least
// while that is cleaned: some 0.1 ms of work.
const cleanStep = 128 << 10

// pick fills d.move with records that keep the oldest segment from being removed. It
// looks through several times what a commit of size bytes adds, so that cleaning gets
// done sooner than new things to clean come.
func (d *Dir) pick(size int) {
	d.move.Reset()
	if d.reader == nil && (d.stuck || !d.dirty()) {
		return
	}
	oldest := d.segments[0]
	if d.reader == nil {
		file, err := d.open(oldest)
		if err != nil {
			d.cannotClean(err)
			return
		}
		d.reader = newFrames(file, oldest.salt, segmentHead, oldest.size)
	}
	for left := max(cleanStep, 4*size); left > 0; {
		ops, at, err := d.reader.next()
		if err == io.EOF {
			return
		}
		if err != nil {
			d.cannotClean(err)
			return
		}
		left -= len(ops)
		d.pickFrom(ops, place{in: oldest, offset: at})
	}
}

// pickFrom picks of ops, which are at p.
func (d *Dir) pickFrom(ops []byte, p place) {
	for len(ops) > 0 {
		op, size, _ := cutOp(ops)
		if p.size = size; !op.Delete && d.index[op.Key] == p {
			d.move.Put(op.Key, op.Value)
		}
		ops = ops[size:]
		p.offset += int64(size)
	}
}

// dirty is whether more of the log is out of date than not, and enough of it to be
// worth the work.
func (d *Dir) dirty() bool {
	var size, live int64
	for _, s := range d.segments {
		size += s.size
		live += s.live
	}
	return len(d.segments) > 1 && size-live > max(live, d.options.segmentSize/4)
}

// drop removes the oldest segments if no record is in them.
func (d *Dir) drop() {
	for len(d.segments) > 1 && d.segments[0].live == 0 && !d.stuck {
		if err := d.remove(d.segments[0]); err != nil {
			d.cannotClean(err)
			return
		}
		d.segments = d.segments[1:]
		d.reader, d.copied = nil, false
	}
}

// remove needs that what has been copied from oldest is no less safe than it was there.
func (d *Dir) remove(oldest *segment) error {
	fsync := d.options.Durability == Fsync
	if d.copied && !fsync {
		if err := d.last().file.Sync(); err != nil {
			return err
		}
	}
	oldest.close()
	if err := os.Remove(oldest.path); err != nil {
		return err
	}
	if fsync { // it must not come back when one after it is gone
		return syncDir(d.dir)
	}
	return nil
}

func (d *Dir) cannotClean(err error) {
	d.reader, d.stuck = nil, true
	d.log.Error("store: the log grows, its oldest file cannot be removed", "file", d.segments[0].path, "error", err)
}
