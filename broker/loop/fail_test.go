package loop

import (
	"errors"
	"testing"
	"time"
)

// broken is a Poller that fails, and is not to be called once it is closed.
type broken struct {
	Poller
	t      *testing.T
	closed bool
}

var errBroken = errors.New("broken on purpose")

func (b *broken) Wait(time.Duration) error { return errBroken }
func (b *broken) Close() error             { b.closed = true; return nil }

func (b *broken) Wake() {
	if b.closed {
		b.t.Error("woken behind the end")
	}
}

// Nothing is kept, and nobody woken, for a loop whose Poller has failed: what it
// would write to may be a connection by then.
func TestPollerFails(t *testing.T) {
	l := New(&broken{t: t}, func() {})
	if err := l.Run(); err != errBroken {
		t.Errorf("Run: %v", err)
	}
	l.Post(func() {})
	if len(l.posted) > 0 {
		t.Error("kept what is never called")
	}
}
