// Package store is where a client keeps what has to outlive its process: the
// messages that it has accepted and the server has not, and the state of QoS 2
// exchanges, so that what was accepted is sent and what was received is not given
// out twice. [OpenDir] keeps it in a directory, [Memory] only while the process lives.
package store

import (
	"errors"
	"fmt"
)

// Store keeps records, any bytes, under keys. One [Client] uses it at a time, and
// makes one call at a time.
//
// [Client]: https://pkg.go.dev/github.com/fletchmq/fletch/client#Client
type Store interface {
	// Load calls put for each record, in the order of the keys. It comes once, before
	// the first Commit. value is good until put returns. Load ends with the first error
	// of put, which it gives; other errors are ErrClosed and those of the system.
	Load(put func(key uint64, value []byte) error) error

	// Commit makes the changes of b, all of them or none, also if the process ends
	// meanwhile. It returns when they are as safe as the Store promises. After an error
	// nothing of b counts, what was there before does, and the same batch, or another,
	// may be committed; if the process ends before one is, a Store may say that it does
	// not know whether b counts. b is not changed and not kept. After Close the error
	// is ErrClosed.
	Commit(b *Batch) error

	// Close ends the use of the store. What has been committed stays.
	Close() error
}

// ErrClosed is that the store has been closed.
var ErrClosed = errors.New("store: closed")

// DamageError is that a file is not as it was written.
type DamageError struct {
	File   string // its path
	Offset int64  // of the first byte that cannot be right
	Err    error  // what was found
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("store: %s is damaged at byte %d: %v", e.File, e.Offset, e.Err)
}

// Unwrap gives what was found.
func (e *DamageError) Unwrap() error { return e.Err }
