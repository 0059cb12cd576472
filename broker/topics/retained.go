package topics

import (
	"container/heap"
	"strings"
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
	limits  Limits
	release func(M)

	mu      sync.RWMutex
	items   map[string]*item[M]
	order   order[M]
	expirer expirer[M]
	bytes   int // of all items
}

// item is a message that is retained.
type item[M any] struct {
	topic   string
	message M
	bytes   int
	expires time.Time // zero if never
	index   int       // in expirer, if it expires
	next    []*item[M]
}

// overhead is what an item costs beside its message and two times its topic name,
// in bytes, more or less.
const overhead = 512

// Set and Sweep remove so many messages that have expired, so that it need not wait
// long when many do at the same time, and yet more go than come.
const sweep = 16

// Match looks at so many topic names before it lets others in.
const portion = 1000

// NewRetained is an empty Retained. It calls release for each message that was
// kept and is not any more; release must not call it.
func NewRetained[M any](l Limits, release func(M)) *Retained[M] {
	r := &Retained[M]{limits: l, release: release, items: make(map[string]*item[M])}
	r.order.head.next = make([]*item[M], height)
	return r
}

// Set puts m, which takes that many bytes, in the place of what topic had. If
// expires is not zero, Match passes over m from then on, and a later Set or Sweep
// removes it. Set is false when there is no room: topic then has what it had before.
func (r *Retained[M]) Set(topic []byte, m M, bytes int, expires time.Time) (kept bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	bytes += overhead + 2*len(topic)
	now := time.Now()
	for n := 0; (n < sweep || !r.room(topic, bytes)) && r.expire(now); n++ {
	}
	if !r.room(topic, bytes) {
		return false
	}
	x := r.items[string(topic)]
	if x == nil {
		x = &item[M]{topic: string(topic)}
		r.items[x.topic] = x
		r.order.insert(x)
	} else {
		r.forget(x)
	}
	x.message, x.bytes, x.expires = m, bytes, expires
	r.bytes += bytes
	if !expires.IsZero() {
		heap.Push(&r.expirer, x)
	}
	return true
}

// Sweep removes some of the messages that have expired.
func (r *Retained[M]) Sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for n := 0; n < sweep && r.expire(now); n++ {
	}
}

func (r *Retained[M]) room(topic []byte, bytes int) bool {
	if old := r.items[string(topic)]; old != nil {
		return r.bytes-old.bytes+bytes <= r.limits.Bytes
	}
	return r.bytes+bytes <= r.limits.Bytes && len(r.items) < r.limits.Messages
}

// Remove takes out what topic has.
func (r *Retained[M]) Remove(topic []byte) (found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.items[string(topic)]
	if x != nil {
		r.remove(x)
	}
	return x != nil
}

// expire removes a message that has expired, if there is one.
func (r *Retained[M]) expire(now time.Time) bool {
	if len(r.expirer) == 0 || now.Before(r.expirer[0].expires) {
		return false
	}
	r.remove(r.expirer[0])
	return true
}

func (r *Retained[M]) remove(x *item[M]) {
	r.forget(x)
	r.order.remove(x)
	delete(r.items, x.topic)
}

// forget lets go of the message of x.
func (r *Retained[M]) forget(x *item[M]) {
	r.bytes -= x.bytes
	if !x.expires.IsZero() {
		heap.Remove(&r.expirer, x.index)
	}
	r.release(x.message)
}

// Len is the number of messages.
func (r *Retained[M]) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.items)
}

// Bytes is what the messages take, as Limits counts it.
func (r *Retained[M]) Bytes() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.bytes
}

// Match calls visit for messages whose topic name filter matches, in the order of
// these names, beginning behind after, until visit is false or others have to be
// let in. It gives the name to go on behind, or "" when that was all. No message
// is released meanwhile, so visit can take a reference; it must not call a method
// of r.
func (r *Retained[M]) Match(filter, after string, visit func(M) bool) (last string) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	now := time.Now()
	var x *item[M]
	switch {
	case after != "":
		x = r.order.seek(after + "\x00")
	case strings.ContainsAny(filter, "+#"):
		x = r.order.head.next[0]
	default:
		x = r.items[filter]
	}
	for range portion {
		if x == nil {
			return ""
		}
		matches, next := compare(filter, x.topic)
		alive := x.expires.IsZero() || now.Before(x.expires)
		if matches && alive && !visit(x.message) {
			return x.topic
		}
		if last = x.topic; next == "" {
			return ""
		}
		x = r.order.after(x, next)
	}
	return last
}

// compare reports whether filter matches topic, and gives a name that none of the
// others which it matches behind topic stands before, or "" if there are none. At
// the top, names that begin with $ are passed over by wildcards [MQTT-4.7.2-1]
// [MQTT3-4.7.2-1].
func compare(filter, topic string) (matches bool, next string) {
	if topic[0] == '$' && (filter[0] == '+' || filter[0] == '#') {
		return false, "%" // is behind $
	}
	plus := -1 // the end of what the last + stands for
	for i := 0; ; {
		level, rest, more := strings.Cut(filter, "/")
		if level == "#" {
			return true, topic
		}
		name, _, longer := strings.Cut(topic[i:], "/")
		switch {
		case level == "+":
			plus = i + len(name)
		case name == level:
		case level > topic[i:]:
			return false, topic[:i] + level
		case more && level+"/" > topic[i:]:
			return false, topic[:i] + level + "/"
		default:
			return false, past(topic, plus)
		}
		switch {
		case !longer:
			return !more || rest == "#", topic
		case !more:
			return false, past(topic, plus)
		}
		i += len(name) + 1
		filter = rest
	}
}

// past is behind all names that go on as topic does at i with another level.
func past(topic string, i int) string {
	if i < 0 {
		return ""
	}
	return topic[:i] + "0" // is behind /
}
