// Package disk is a store in the files of a directory, kept by Pebble.
package disk

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/fletchmq/fletch/broker/store"
)

// Store is a store.Store in a directory. When its files fail in a way that Pebble
// cannot get over, Trouble says so for ever, Commit waits until Close, and reading
// gives the same error; the process has to end to open the directory again.
type Store struct {
	dir  string
	log  *slog.Logger
	lock io.Closer
	db   *pebble.DB
	gone goneSet

	patience *patience // of the files of db
	notices  notices   // of damage in them

	failed  chan struct{} // closed once failure is set
	failure error
	once    sync.Once // of failed

	mu     sync.Mutex
	users  sync.WaitGroup // calls under way; added to under mu
	closed chan struct{}  // closed under mu
}

// ownerName is the file that says which process has the directory open.
const ownerName = "OWNER"

// Open opens the store in dir, and makes it if dir is not there or empty. The error
// is a *store.DamageError if the files are not as they were written; others say
// that another process has it open, that dir is something else, or that its format
// is newer than this code.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{
		dir:    dir,
		log:    o.Logger,
		failed: make(chan struct{}),
		closed: make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	fs := o.fs()
	if err := makeDir(fs, dir); err != nil {
		return nil, err
	}
	other, err := strangers(fs, dir)
	if err != nil {
		return nil, err
	}
	if err := strange(dir, other); err != nil {
		return nil, err
	}
	s.lock = io.NopCloser(nil)
	if vfs.Root(fs) == vfs.Default {
		if s.lock, err = lock(dir); err != nil {
			return nil, err
		}
	}
	if err = stamp(fs, dir); err == nil {
		err = s.try(func() error { return s.open(fs, o.Durability) })
	}
	if err != nil {
		if !s.hasFailed() {
			s.lock.Close()
		}
		return nil, err
	}
	return s, nil
}

// open opens the files in fs, which fail while that lasts, and wait from then on.
func (s *Store) open(fs vfs.FS, d Durability) error {
	s.patience = newPatience(s.log)
	if w, err := inspectLast(fs, s.dir); err != nil || w.err != nil {
		return cmp.Or(err, w.damage(fs, s.dir))
	}
	db, err := pebble.Open(s.dir, s.options(toPebble(fs, s.patience, d), d))
	if failed := s.patience.opened(); failed != nil { // err only came of it
		if err == nil {
			db.Close()
		}
		return failed
	}
	s.db = db
	if err == nil {
		return nil
	}
	if wounds, _ := inspect(fs, s.dir); len(wounds) > 0 { // it does not always say where
		return wounds[0].damage(fs, s.dir)
	}
	return explainOpen(s.dir, err)
}

// fail is called by logger, by any goroutine.
func (s *Store) fail(err error) {
	s.once.Do(func() {
		s.failure = fmt.Errorf("disk: %s has failed: %w", s.dir, err)
		s.log.Error("store: nothing is stored any more until the process is started again", "dir", s.dir, "error", err)
		close(s.failed)
	})
}

// try calls do, which may never return once the store has failed.
func (s *Store) try(do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-s.failed:
		return s.failure
	}
}

// enter tells Close to wait for leave. The error is store.ErrClosed.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return store.ErrClosed
	default:
		s.users.Add(1)
		return nil
	}
}

func (s *Store) leave() { s.users.Done() }

func (s *Store) hasFailed() bool {
	select {
	case <-s.failed:
		return true
	default:
		return false
	}
}

// Trouble implements store.Store.
func (s *Store) Trouble() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if s.hasFailed() {
		return s.failure
	}
	return s.patience.now()
}

// Close implements store.Store. A store that has failed it leaves as it is, with
// what Pebble still does there and with the directory's lock, and gives the failure.
func (s *Store) Close() error {
	if err := s.shut(); err != nil {
		return err
	}
	s.patience.closing()
	err := s.try(func() error {
		s.users.Wait()
		return s.db.Close()
	})
	if s.hasFailed() {
		return s.failure
	}
	if s.patience.isOver() { // Trouble has said why, and nobody was told that it is kept
		err = nil
	}
	if other := s.lock.Close(); err == nil {
		err = other
	}
	return explain(s.dir, err)
}

// shut lets no more calls in, and those that wait for a failed store go.
func (s *Store) shut() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return store.ErrClosed
	default:
		close(s.closed)
		return nil
	}
}
