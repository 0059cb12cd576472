package journal

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/broker/store"
)

// Journal collects what is to be stored, and commits it beside those who go on
// meanwhile. Any number of goroutines may use it.
type Journal struct {
	store   store.Store
	settle  func(lane int, waiters []any)
	limit   int
	due     chan struct{} // there is something to commit
	ending  sync.Once
	stop    chan struct{} // what is there is the last
	stopped chan struct{} // all that can be committed has been
	last    atomic.Uint64 // sequence number of a message
	waiting atomic.Int64  // bytes that are not committed yet
	alarm   *time.Timer   // at the end of patience

	mu       sync.Mutex
	promised uint64 // sequence numbers up to this one are stored as used
	next     *Group // is being filled
	spare    *Group
	paused   map[Pauser]bool // until less is waiting
}

// Pauser is somebody who has put so much into a Journal that it should wait.
type Pauser interface {
	// Relieved says that it may go on. It does not wait, and may come when it is not
	// expected.
	Relieved()
}

// Group is what is committed together.
type Group struct {
	store.Batch
	waiters [][]any // by lane
	value   []byte  // memory to encode in
	bytes   int
}

// New makes a Journal and starts it, until Close. When a group is committed, it
// calls settle with those who have waited for it, in their order, for each lane of
// which there is one. Lanes are from 0 to lanes-1. The slice is settle's. More than limit
// bytes should not wait.
func New(s store.Store, lanes, limit int, settle func(lane int, waiters []any)) *Journal {
	j := &Journal{
		store:   s,
		settle:  settle,
		limit:   limit,
		due:     make(chan struct{}, 1),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
		next:    &Group{waiters: make([][]any, lanes)},
		spare:   &Group{waiters: make([][]any, lanes)},
		paused:  make(map[Pauser]bool),
	}
	j.alarm = time.AfterFunc(patience, j.Commit)
	go j.run()
	return j
}

// Begin gives the group that is being filled to the caller alone, until End. Who
// holds a lock of its own meanwhile must not wait for anything with it.
func (j *Journal) Begin() *Group {
	j.mu.Lock()
	j.next.bytes = j.next.Size()
	return j.next
}

// End is the end of Begin. What has been put in is committed after the next Commit, or
// a little later.
func (j *Journal) End() {
	if j.next.bytes == 0 {
		j.alarm.Reset(patience)
	}
	if last := j.last.Load(); last > j.promised {
		j.promised = last + promise
		j.next.promise(j.promised)
	}
	j.waiting.Add(int64(j.next.Size() - j.next.bytes))
	j.mu.Unlock()
}

// promise is how many sequence numbers are stored as used at once. None is used twice,
// also by another process: a store may still be about to take out what had it before.
const promise = 1 << 20

// Wait lets w be settled in that lane when all that is in the group is committed.
func (g *Group) Wait(lane int, w any) { g.waiters[lane] = append(g.waiters[lane], w) }

// Commit is for who has put in all that it has for now. It does not wait.
func (j *Journal) Commit() {
	select {
	case j.due <- struct{}{}:
	default:
	}
}

// Sync commits what has been put in, and waits for it, or until done, which may be
// nil, is closed: then it is false.
func (j *Journal) Sync(done <-chan struct{}) bool {
	committed := make(chan struct{})
	j.Begin().Wait(0, committed)
	j.End()
	j.Commit()
	select {
	case <-committed:
		return true
	case <-done:
	case <-j.stopped:
	}
	return false
}

// run commits one group after the other.
func (j *Journal) run() {
	defer close(j.stopped)
	defer j.alarm.Stop()
	for last := false; !last; {
		select {
		case <-j.due:
			j.relieve()
		case <-j.stop:
			last = true
		}
		for g := j.take(); g != nil; g = j.take() {
			if err := j.store.Commit(&g.Batch); err != nil {
				return // closed: nothing of it is acknowledged
			}
			j.committed(g)
		}
	}
}

// patience is how long what nobody waits for may not be committed, and how long
// somebody may be paused in vain when it is not a commit that ends the store's trouble.
const patience = 250 * time.Millisecond

// take is the group that has been filled, or nil if nothing is in it.
func (j *Journal) take() *Group {
	j.mu.Lock()
	defer j.mu.Unlock()
	g := j.next
	if g.Len() == 0 && !g.awaited() {
		return nil
	}
	j.next, j.spare = j.spare, nil
	return g
}

func (g *Group) awaited() bool {
	for _, w := range g.waiters {
		if len(w) > 0 {
			return true
		}
	}
	return false
}

// committed lets go on who has waited for g, which may then be filled again.
func (j *Journal) committed(g *Group) {
	size := g.Size()
	for lane, waiters := range g.waiters {
		if len(waiters) > 0 {
			g.waiters[lane] = make([]any, 0, len(waiters)) // as many may come again
			j.settleOne(lane, waiters)
		}
	}
	g.Reset()
	if cap(g.value) > keepValue {
		g.value = nil
	}
	j.mu.Lock()
	j.spare = g
	j.mu.Unlock()
	j.waiting.Add(-int64(size))
	j.relieve()
}

// relieve lets those go on who are paused, if little is waiting.
func (j *Journal) relieve() {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case len(j.paused) == 0:
		return
	case j.waiting.Load() > int64(j.limit/2), j.store.Trouble() != nil:
		j.alarm.Reset(patience)
		return
	}
	for p := range j.paused {
		p.Relieved()
	}
	clear(j.paused)
}

// keepValue is how much memory to encode in a group keeps, in bytes.
const keepValue = 1 << 20

// settleOne closes the channels of Sync itself.
func (j *Journal) settleOne(lane int, waiters []any) {
	rest := waiters[:0]
	for _, w := range waiters {
		if c, ok := w.(chan struct{}); ok {
			close(c)
			continue
		}
		rest = append(rest, w)
	}
	if len(rest) > 0 {
		j.settle(lane, rest)
	}
}

// Overfull reports whether more waits than should, and nothing can be stored for now. It
// is false for a nil Journal.
func (j *Journal) Overfull() bool {
	return j != nil && j.waiting.Load() > int64(j.limit) && j.store.Trouble() != nil
}

// Full reports whether more waits than should. Then p is Relieved when that is
// over.
func (j *Journal) Full(p Pauser) bool {
	if !j.full() {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.full() { // it may have been relieve that came between
		return false
	}
	j.paused[p] = true
	j.alarm.Reset(patience)
	return true
}

func (j *Journal) full() bool {
	return j.waiting.Load() > int64(j.limit) || j.store.Trouble() != nil
}

// Forget is for who does not wait any more, though it has not been Relieved.
func (j *Journal) Forget(p Pauser) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.paused, p)
}

// Trouble is why nothing can be stored for now, nil if it can.
func (j *Journal) Trouble() error { return j.store.Trouble() }

// Close commits what is there, and waits for that until done is closed. More than one
// goroutine may call it.
func (j *Journal) Close(done <-chan struct{}) {
	j.ending.Do(func() { close(j.stop) })
	select {
	case <-j.stopped:
	case <-done:
	}
}
