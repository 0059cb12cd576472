package topics

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/fletchmq/fletch/packets"
)

// Subscription is that a subscriber wants what matches a topic filter.
type Subscription[S any] struct {
	ID         uint64 // of the subscriber, unique in the Tree
	Subscriber S
	Options
}

// Options are the subscription options, section 3.8.3.1.
type Options struct {
	QoS               packets.QoS // granted
	NoLocal           bool
	RetainAsPublished bool
	Identifiers       []uint32 // Subscription Identifier, at most one; nobody changes it
}

// Cost is how many bytes a subscription takes, more or less, for a filter of that
// length: it is kept here and by the subscriber, and another may have to part
// from it.
func Cost(filter int) int { return 512 + 2*filter }

// shards is how many parts the Tree has, each with its lock.
const shards = 16

// Tree is a set of subscriptions, at most one for each subscriber and filter.
// Any number of goroutines may use it. The zero Tree is empty.
//
// A filter stands in the shard of its first level, where only topic names with
// that first level look. Those that begin with a wildcard have a shard of their
// own, which names that begin with $ never look at [MQTT-4.7.2-1].
//
// Subscribe and Unsubscribe lock a shard. Match locks nothing: it finds each
// subscription that is there all the time, and may or may not find one that comes
// or goes meanwhile.
type Tree[S any] struct {
	shards [shards]shard[S]
	wild   shard[S]

	changes atomic.Uint64
}

type shard[S any] struct {
	mu    sync.Mutex // of who changes something
	root  node[S]
	count atomic.Int64 // of subscriptions
}

// Subscribe puts in a subscription, in the place of the one that s.ID has for
// the same filter [MQTT-3.8.4-3] [MQTT3-3.8.4-3], and reports whether there was
// one. It keeps filter, which should not be a small part of a large string.
func (t *Tree[S]) Subscribe(filter string, s Subscription[S]) (replaced bool) {
	h := t.shard(filter)
	e := newEntry(&s)
	h.mu.Lock()
	defer h.mu.Unlock()
	replaced = h.root.add(filter, &e)
	if !replaced {
		h.count.Add(1)
	}
	t.changes.Add(1)
	return replaced
}

// Unsubscribe takes out the subscription that id has for this filter, character
// by character [MQTT-3.10.4-1] [MQTT3-3.10.4-1], and reports whether there was
// one.
func (t *Tree[S]) Unsubscribe(filter string, id uint64) (found bool) {
	h := t.shard(filter)
	h.mu.Lock()
	defer h.mu.Unlock()
	if found = h.root.remove(filter, id); found {
		h.count.Add(-1)
		t.changes.Add(1)
	}
	return found
}

// Match appends the subscriptions that topic matches to dst. Those of one
// subscriber stand side by side.
func (t *Tree[S]) Match(dst []Subscription[S], topic []byte) []Subscription[S] {
	m := matches[S]{found: dst}
	first, _, _ := cut(topic)
	t.shards[maphash.Bytes(seed, first)%shards].root.match(&m, topic, true)
	if topic[0] != '$' {
		t.wild.root.match(&m, topic, true)
	}
	if m.lists > 1 {
		slices.SortFunc(m.found[len(dst):], byID)
	}
	return m.found
}

// Changes is how often a subscription has come, gone or changed: what Match has found
// since it was the same still holds.
func (t *Tree[S]) Changes() uint64 { return t.changes.Load() }

// Len is the number of subscriptions.
func (t *Tree[S]) Len() int {
	n := t.wild.count.Load()
	for i := range t.shards {
		n += t.shards[i].count.Load()
	}
	return int(n)
}

func (t *Tree[S]) shard(filter string) *shard[S] {
	first, _, _ := strings.Cut(filter, "/")
	if first == "+" || first == "#" {
		return &t.wild
	}
	return &t.shards[maphash.String(seed, first)%shards]
}

func byID[S any](a, b Subscription[S]) int { return cmp.Compare(a.ID, b.ID) }
