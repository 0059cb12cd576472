// Package store is where a broker keeps what it has promised: an ordered map of
// keys and values that outlives the process. Package disk is one on a disk, and
// [Memory] one for tests.
package store

import (
	"errors"
	"fmt"
)

// Store keeps keys and values, both any bytes, keys in their order byte by byte.
// Any number of goroutines may use it.
type Store interface {
	// Commit does what b says, all of it or, if the process ends before Commit has
	// returned, perhaps nothing, but never a part. It returns when that is kept as
	// firmly as the store promises. What is committed before another Commit begins
	// is kept before it.
	//
	// A store that cannot write for now, say because the disk is full, does not fail:
	// Commit returns when it can again, and Trouble says why that takes so long. The
	// error is ErrClosed. The store keeps nothing of b.
	Commit(b *Batch) error

	// Get appends the value of key to dst. The error is ErrNotFound, ErrClosed, a
	// *DamageError, or that of the system.
	Get(dst, key []byte) ([]byte, error)

	// Scan calls visit for each key that begins with prefix, in order, as they are
	// when it begins. Both slices are good until visit returns. It ends with the first
	// error of visit, which it gives. Its own are as those of Get.
	Scan(prefix []byte, visit func(key, value []byte) error) error

	// Trouble is why the store does not write at the moment, nil if it does.
	Trouble() error

	// Close ends all that goes on, and waits for it, but not for what cannot be
	// written. After it all others give ErrClosed.
	Close() error
}

// Errors of a Store.
var (
	ErrNotFound = errors.New("store: no such key")
	ErrClosed   = errors.New("store: closed")
)

// DamageError is that what is stored cannot be read as it was written.
type DamageError struct {
	Where string // the file, and the place in it where that is known
	Err   error
}

func (e *DamageError) Error() string { return fmt.Sprintf("store: %s is damaged: %v", e.Where, e.Err) }

// Unwrap gives what was found.
func (e *DamageError) Unwrap() error { return e.Err }
