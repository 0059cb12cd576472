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
	// Expired is called with each message that has expired, before it is released,
	// unless it is nil. It must not call a method of Retained. It is set before the
	// first Set.
	Expired func(M)

	limits  Limits
	release func(M)

	mu       sync.RWMutex
	root     item[M]
	messages int
	expirer  expirer[M]
	bytes    int // of all messages
}

// overhead is what an item costs beside its message and two times its topic name,
// in bytes, more or less.
const overhead = 512

// Set and Sweep remove so many messages that have expired, so that it need not wait
// long when many do at the same time, and yet more go than come.
const sweep = 16

// Match looks at so many items before it lets others in.
const portion = 1000

// NewRetained is an empty Retained. It calls release for each message that was
// kept and is not any more; release must not call it.
func NewRetained[M any](l Limits, release func(M)) *Retained[M] {
	return &Retained[M]{limits: l, release: release}
}

// Set puts m, which takes that many bytes, in the place of what topic had. If
// expires is not zero, Match passes over m from then on, and a later Set or Sweep
// removes it. Set is false when there is no room: topic then has what it had before.
func (r *Retained[M]) Set(topic []byte, m M, bytes int, expires time.Time) (kept bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	bytes += overhead + 2*len(topic)
	x := r.root.find(topic)
	for n := 0; (n < sweep || !r.room(x, bytes)) && r.expire(); n++ {
		x = r.root.find(topic)
	}
	if !r.room(x, bytes) {
		return false
	}
	if x == nil {
		x = r.root.insert(string(topic))
	}
	r.forget(x)
	x.message, x.bytes, x.expires = m, bytes, expires
	r.bytes += bytes
	r.messages++
	if !expires.IsZero() {
		heap.Push(&r.expirer, x)
	}
	return true
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
	return r.expirer[0].expires
}

// room reports whether old, which may be nil, can have that many bytes.
func (r *Retained[M]) room(old *item[M], bytes int) bool {
	if old != nil && old.bytes > 0 {
		return r.bytes-old.bytes+bytes <= r.limits.Bytes
	}
	return r.bytes+bytes <= r.limits.Bytes && r.messages < r.limits.Messages
}

// Remove takes out what topic has.
func (r *Retained[M]) Remove(topic []byte) (found bool) {
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
	if len(r.expirer) == 0 || time.Now().Before(r.expirer[0].expires) {
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
	r.bytes -= x.bytes
	r.messages--
	if !x.expires.IsZero() {
		heap.Remove(&r.expirer, x.index)
	}
	r.release(x.message)
	var none M
	x.message, x.bytes, x.expires = none, 0, time.Time{}
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

// Match calls visit for messages whose topic name filter matches, in the order of
// these names level by level, beginning behind after, until visit is false or
// others have to be let in. It gives the name to go on behind, or "" when that was
// all. No message is released meanwhile, so visit can take a reference; it must not
// call a method of r.
func (r *Retained[M]) Match(filter, after string, visit func(M) bool) (last string) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	w := walk[M]{visit: visit, now: time.Now(), left: portion}
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

// Has is false if Match would find nothing.
func (r *Retained[M]) Has(filter string) bool {
	found := false
	last := r.Match(filter, "", func(M) bool {
		found = true
		return false
	})
	return found || last != ""
}
