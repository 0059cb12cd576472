package topics

import (
	"container/heap"
	"sync"
	"time"
)

// Limits bound what is retained.
type Limits struct {
	Messages int
	Bytes    int
}

// Retained holds one message for each topic name. Any number of goroutines may
// use it.
type Retained[M any] struct {
	// Expired is called with each message that has expired and goes, unless it is
	// nil. It must not call a method of Retained. It is set before the first Set.
	Expired func(M)

	limits Limits
	began  time.Time

	mu       sync.RWMutex
	root     item[M]
	messages int
	expirer  expirer[M]
	bytes    int // of all messages
}

// overhead is what an item costs beside its message and two times its topic name,
// in bytes, more or less.
const overhead = 256

// Set and Sweep remove so many messages that have expired, so that it need not wait
// long when many do at the same time, and yet more go than come.
const sweep = 16

// Match looks at so many items before it lets others in.
const portion = 1000

// NewRetained is an empty Retained.
func NewRetained[M any](l Limits) *Retained[M] {
	return &Retained[M]{limits: l, began: time.Now()}
}

// Set puts m, which takes that many bytes, in the place of what topic had, and keeps
// topic as long as m. If expires is not zero, Match passes over m from then on, and a
// later Set or Sweep removes it. Set is false when there is no room: topic then has what
// it had before.
func (r *Retained[M]) Set(topic string, m M, bytes int, expires time.Time) (kept bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	bytes += overhead + 2*len(topic)
	for n := 0; n < sweep && r.expire(); n++ {
	}
	if !r.room(nil, bytes) { // or there is for one in the place of another
		for !r.room(r.root.find(topic), bytes) {
			if !r.expire() {
				return false
			}
		}
	}
	x := r.root.insert(topic)
	r.forget(x)
	x.message, x.bytes, x.expires = m, uint32(bytes), r.since(expires)
	r.bytes += bytes
	r.messages++
	if x.expires != 0 {
		heap.Push(&r.expirer, x)
	}
	return true
}

// since is a time as an item has it, and at that time again.
func (r *Retained[M]) since(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(t.Sub(r.began), 1)
}

func (r *Retained[M]) at(d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return r.began.Add(d)
}

// Sweep removes some of the messages that have expired, and reports whether there may
// be more.
func (r *Retained[M]) Sweep() (more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range sweep {
		if !r.expire() {
			return false
		}
	}
	return true
}

// Expires is when the next message does, zero if none is to.
func (r *Retained[M]) Expires() time.Time {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.expirer) == 0 {
		return time.Time{}
	}
	return r.at(r.expirer[0].expires)
}

// room reports whether old, which may be nil, can have that many bytes.
func (r *Retained[M]) room(old *item[M], bytes int) bool {
	if old != nil && old.bytes > 0 {
		return r.bytes-int(old.bytes)+bytes <= r.limits.Bytes
	}
	return r.bytes+bytes <= r.limits.Bytes && r.messages < r.limits.Messages
}

// Remove takes out what topic has.
func (r *Retained[M]) Remove(topic string) (found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.root.find(topic)
	if x == nil || x.bytes == 0 {
		return false
	}
	r.remove(x)
	return true
}

// expire removes a message that has expired, if there is one.
func (r *Retained[M]) expire() bool {
	if len(r.expirer) == 0 || time.Since(r.began) < r.expirer[0].expires {
		return false
	}
	if r.Expired != nil {
		r.Expired(r.expirer[0].message)
	}
	r.remove(r.expirer[0])
	return true
}

func (r *Retained[M]) remove(x *item[M]) {
	r.forget(x)
	x.tidy()
}

// forget lets go of the message of x, if it has one.
func (r *Retained[M]) forget(x *item[M]) {
	if x.bytes == 0 {
		return
	}
	r.bytes -= int(x.bytes)
	r.messages--
	if x.expires != 0 {
		heap.Remove(&r.expirer, int(x.index))
	}
	var none M
	x.message, x.bytes, x.expires = none, 0, 0
}

// Len is the number of messages.
func (r *Retained[M]) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.messages
}

// Bytes is what the messages take, as Limits counts it.
func (r *Retained[M]) Bytes() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.bytes
}

// Match calls visit with messages whose topic name filter matches, and when they
// expire, zero if never, in the order of these names level by level, beginning behind
// after, until visit is false or others have to be let in. It gives the name to go on
// behind, or "" when that was all. Visit must not call a method of r.
func (r *Retained[M]) Match(filter, after string, visit func(m M, expires time.Time) bool) (last string) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	w := walk[M]{visit: visit, of: r, now: time.Since(r.began), left: portion}
	var some [8]want
	wants := appendWants(some[:0], filter)
	if after != "" {
		after = "/" + after
	}
	if w.below(&r.root, wants, after) {
		return ""
	}
	return w.name()
}

// MayMatch is false when filter matches no message. It does not look for long, so that
// it may be true when there is none.
func (r *Retained[M]) MayMatch(filter string) bool {
	found := false
	last := r.Match(filter, "", func(M, time.Time) bool {
		found = true
		return false
	})
	return found || last != ""
}
