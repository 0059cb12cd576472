package journal

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fletchmq/fletch/broker/store"
)

// slow is a store whose commits take a second.
type slow struct {
	*store.Memory
	mu      sync.Mutex
	commits []int // how many things each is to do
}

func (s *slow) Commit(b *store.Batch) error {
	time.Sleep(time.Second)
	s.mu.Lock()
	s.commits = append(s.commits, b.Len())
	s.mu.Unlock()
	return s.Memory.Commit(b)
}

// world is a journal of two lanes in a bubble of fake time.
type world struct {
	*testing.T
	st *slow
	j  *Journal

	mu      sync.Mutex
	settled [2][]any
}

// run runs f with a journal in which no more than limit bytes should wait.
func run(t *testing.T, limit int, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, st: &slow{Memory: new(store.Memory)}}
		w.j = New(w.st, 2, limit, w.settle)
		defer w.j.Close(nil)
		f(w)
	})
}

func (w *world) settle(lane int, waiters []any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settled[lane] = append(w.settled[lane], waiters...)
}

// put puts in a record, for which somebody waits.
func (w *world) put(id uint16, lane int, waiter any) {
	g := w.j.Begin()
	defer w.j.End()
	g.Hold(1, id)
	if waiter != nil {
		g.Wait(lane, waiter)
	}
}

// have demands that these have been settled, and so many things committed.
func (w *world) have(commits []int, lanes ...[]any) {
	w.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.st.mu.Lock()
	defer w.st.mu.Unlock()
	if !slices.Equal(w.st.commits, commits) {
		w.Errorf("commits of %v things, want %v", w.st.commits, commits)
	}
	for lane, want := range lanes {
		if !slices.Equal(w.settled[lane], want) {
			w.Errorf("lane %d: settled %v, want %v", lane, w.settled[lane], want)
		}
	}
}

// What comes together while a commit is under way is the next commit, and who waits
// hears of it behind its commit, in the order of each lane.
func TestGroupCommit(t *testing.T) {
	run(t, 1<<20, func(w *world) {
		w.put(1, 0, "a")
		w.j.Commit()
		synctest.Wait()
		for i, x := range []string{"b", "c", "d", "e"} {
			w.put(uint16(i+2), i%2, x)
			w.j.Commit()
		}
		w.have(nil, nil, nil)
		time.Sleep(time.Second)
		w.have([]int{1}, []any{"a"}, nil)
		time.Sleep(time.Second)
		w.have([]int{1, 4}, []any{"a", "b", "d"}, []any{"c", "e"})
		w.j.Begin().Wait(1, "f") // for nothing new
		w.j.End()
		w.j.Commit()
		time.Sleep(time.Second)
		w.have([]int{1, 4, 0}, []any{"a", "b", "d"}, []any{"c", "e", "f"})
	})
}

// What nobody says Commit for is committed all the same, a little later.
func TestPatience(t *testing.T) {
	run(t, 1<<20, func(w *world) {
		w.put(1, 0, "a")
		time.Sleep(patience + time.Second)
		w.have([]int{1}, []any{"a"})
	})
}

// Sync comes back behind the commit of what was put in before, or when it is not to
// wait any more.
func TestSync(t *testing.T) {
	run(t, 1<<20, func(w *world) {
		w.put(1, 0, "a")
		if !w.j.Sync(nil) {
			w.Error("not stored")
		}
		w.have([]int{1}, []any{"a"})

		w.st.Refuse(errors.New("full"))
		ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
		defer cancel()
		w.put(2, 0, "b")
		if w.j.Sync(ctx.Done()) {
			w.Error("stored, though nothing can be")
		}
		w.have([]int{1, 1}, []any{"a"})
		w.st.Refuse(nil)
		if !w.j.Sync(nil) {
			w.Error("not stored, though it can be again")
		}
		w.have([]int{1, 1, 0}, []any{"a", "b"})
	})
}

// pauser counts.
type pauser struct {
	mu sync.Mutex
	n  int
}

func (p *pauser) Relieved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
}

func (p *pauser) relieved(w *world, want int) {
	w.Helper()
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n != want {
		w.Errorf("relieved %d times, want %d", p.n, want)
	}
}

// Who has put in too much waits until less than half of that is left.
func TestFull(t *testing.T) {
	run(t, 100, func(w *world) {
		var p, gone pauser
		if w.j.Full(&p) {
			w.Error("full, with nothing in it")
		}
		for id := range uint16(5) {
			w.put(id, 0, nil)
		}
		w.j.Commit()
		synctest.Wait()
		for id := range uint16(5) {
			w.put(10+id, 0, nil)
		}
		if !w.j.Full(&p) || !w.j.Full(&gone) {
			w.Fatal("not full")
		}
		w.j.Forget(&gone)
		p.relieved(w, 0)
		time.Sleep(time.Second)
		p.relieved(w, 0)
		time.Sleep(time.Second)
		p.relieved(w, 1)
		gone.relieved(w, 0)
		if w.j.Full(&p) || w.j.waiting.Load() != 0 {
			w.Errorf("full, with %d bytes", w.j.waiting.Load())
		}
	})
}

// While the store is in trouble everybody waits, whatever there is to commit, and goes
// on when it is over.
func TestTrouble(t *testing.T) {
	full := errors.New("no space left on device")
	for _, busy := range []bool{false, true} {
		run(t, 1<<20, func(w *world) {
			var p pauser
			for n := range 3 {
				w.st.Refuse(full)
				if busy {
					w.put(uint16(n), 0, n)
					w.j.Commit()
				}
				if !w.j.Full(&p) || w.j.Trouble() != full {
					w.Fatal("not full, in trouble")
				}
				time.Sleep(time.Hour)
				p.relieved(w, n)
				w.st.Refuse(nil)
				time.Sleep(2 * time.Second)
				p.relieved(w, n+1)
			}
		})
	}
}

// Close commits what is there. With a store that hangs it gives up, and nobody is told
// that anything is stored.
func TestClose(t *testing.T) {
	run(t, 1<<20, func(w *world) {
		w.put(1, 0, "a")
		w.put(2, 1, "b")
		w.j.Close(nil)
		w.have([]int{2}, []any{"a"}, []any{"b"})
	})
	run(t, 1<<20, func(w *world) {
		w.st.Refuse(errors.New("no space left on device"))
		w.put(1, 0, "a")
		w.j.Commit()
		time.Sleep(time.Minute)
		w.put(2, 0, "b")
		ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
		defer cancel()
		w.j.Close(ctx.Done())
		if ctx.Err() == nil {
			w.Error("closed, with a store that hangs")
		}
		w.st.Close()
		w.have([]int{1}, nil)
		if w.j.Sync(nil) {
			w.Error("stored, in what is closed")
		}
	})
}
