package store

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
)

// cleanStep is how many bytes of the oldest segment a Commit looks through at least
// while that is cleaned: some 0.1 ms of work.
const cleanStep = 128 << 10

// pick fills d.move with records that keep the oldest segment from being removed. It
// looks through several times what a commit of size bytes adds, so that cleaning gets
// done sooner than new things to clean come.
func (d *Dir) pick(size int) {
	d.move.Reset()
	oldest := d.segments[0]
	if oldest.live == 0 || d.removal != nil || d.reader == nil && (d.stuck || !d.dirty()) {
		return
	}
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
	dead, live := d.weigh()
	return len(d.segments) > 1 && dead > max(live, d.options.segmentSize/4)
}

// overdue is whether commits come sooner than the disk gets rid of the old ones.
func (d *Dir) overdue() bool {
	dead, live := d.weigh()
	return dead > 4*max(live, d.options.segmentSize)
}

// weigh gives how many bytes of the log are out of date, and how many are not.
func (d *Dir) weigh() (dead, live int64) {
	for _, s := range d.segments {
		dead += s.size - s.live
		live += s.live
	}
	return dead, live
}

// removal is how the oldest segments are removed, beside the commits.
type removal struct {
	paths  []string   // of them
	copies []string   // of those that have copies of what was in them
	done   chan error // how it has ended
}

// drop lets the oldest segments be removed if no record is in them. Commits do not
// wait for the disk because of that, unless it is overdue.
func (d *Dir) drop() {
	if r := d.removal; r != nil {
		if len(r.done) == 0 && !d.overdue() {
			return
		}
		d.forget(<-r.done)
	}
	if d.stuck {
		return
	}
	n := 0
	for n < len(d.segments)-1 && d.segments[n].live == 0 {
		n++
	}
	if n == 0 {
		return
	}
	r := &removal{done: make(chan error, 1)}
	for _, s := range d.segments[:n] {
		s.close()
		r.paths = append(r.paths, s.path)
	}
	for _, s := range d.segments[n:] {
		if s.number >= d.copies {
			r.copies = append(r.copies, s.path)
		}
	}
	d.removal = r
	fsync := d.options.Durability == Fsync
	go func() { r.done <- r.run(fsync) }()
}

// forget ends what drop has begun.
func (d *Dir) forget(err error) {
	gone := len(d.removal.paths)
	d.removal, d.reader = nil, nil
	if err != nil { // what is gone of them can be removed once more
		d.cannotClean(err)
		return
	}
	d.segments = d.segments[gone:]
	d.copies = math.MaxUint64
}

// run removes the files when the copies are on the disk: also with Written, what is
// old does not get lost like what is new.
func (r *removal) run(fsync bool) error {
	for _, path := range r.copies {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	for _, path := range r.paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if !fsync {
			continue
		}
		if err := syncDir(filepath.Dir(path)); err != nil { // it must not come back when the next is gone
			return err
		}
	}
	return nil
}

func (d *Dir) cannotClean(err error) {
	d.reader, d.stuck = nil, true
	d.log.Error("store: the log grows, its oldest file cannot be removed", "file", d.segments[0].path, "error", err)
}
