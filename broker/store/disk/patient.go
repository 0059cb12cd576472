package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// patience is what the files of a store share that waits for its disk instead of
// failing. Pebble ends the process when it cannot write its log or its MANIFEST, so
// it never hears of that: what fails is done again until it works.
//
// At both ends of its life a store does not wait. While it is opened and closed, the
// first thing that fails is the last: from then on nothing is written, and Pebble is
// told that all is well, so that it comes to an end in order. What lies on the disk
// then is what a crash at that moment had left. Whoever has been told something in
// the meantime asks over before he believes it.
type patience struct {
	log  *slog.Logger
	over chan struct{} // closed when nothing is written any more

	mu       sync.Mutex
	waits    bool
	ended    error // what failed while nobody waits
	troubles []*trouble
	since    time.Time // when the first of them began
}

// trouble is one thing that does not work at the moment.
type trouble struct{ err error }

// How long to wait until what has failed is tried again.
const (
	minPause = 10 * time.Millisecond
	maxPause = time.Second
)

func newPatience(log *slog.Logger) *patience {
	return &patience{log: log, over: make(chan struct{})}
}

// opened is called when the store is open: from now on what fails is tried again.
// The error is what has failed before; then the store is of no use.
func (p *patience) opened() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits = p.ended == nil
	return p.ended
}

// closing is called before the store is closed: nobody waits any more.
func (p *patience) closing() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits = false
	if len(p.troubles) > 0 {
		p.endLocked(p.troubles[0].err)
	}
}

// isOver says whether something that seems to have been written may not have been.
func (p *patience) isOver() bool {
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}

// now is the oldest of what does not work at the moment, nil if all does.
func (p *patience) now() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended != nil {
		return p.ended
	}
	if len(p.troubles) == 0 {
		return nil
	}
	return p.troubles[0].err
}

// insist does do until it works. It says no when nothing is written any more.
func (p *patience) insist(op, name string, do func() error) bool {
	if p.isOver() {
		return false
	}
	err := do()
	if err == nil {
		return true
	}
	t := p.begin(failure(op, name, err))
	defer p.end(t)
	for pause := minPause; p.pause(pause); pause = min(2*pause, maxPause) {
		if do() == nil {
			return true
		}
	}
	return false
}

// pause waits for d, and says whether to go on.
func (p *patience) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.over:
		return false
	case <-timer.C:
		return true
	}
}

// begin notes err, which is over if nobody waits.
func (p *patience) begin(err error) *trouble {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &trouble{err}
	if !p.waits {
		p.endLocked(err)
	} else if p.troubles = append(p.troubles, t); len(p.troubles) == 1 {
		p.since = time.Now()
		p.log.Error("the store cannot write", "error", err)
	}
	return t
}

func (p *patience) end(t *trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.troubles = slices.DeleteFunc(p.troubles, func(o *trouble) bool { return o == t })
	if len(p.troubles) == 0 && p.ended == nil {
		p.log.Info("the store writes again", "after", time.Since(p.since).Round(time.Millisecond))
	}
}

func (p *patience) endLocked(err error) {
	if p.ended == nil {
		p.ended = err
		close(p.over)
	}
}

// failure is err in the words of an operator: what was done to which file, and why it
// did not work.
func failure(op, name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%s %s: %w", op, filepath.Base(name), err)
}
