package client

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/fletchmq/fletch/packets"
)

// routes finds the queues of the subscriptions that match a topic. Its zero value
// has none. Client.mu guards it.
type routes struct {
	filters map[string]*subscriber
	root    branch // of the same
	recent  recent
}

// subscriber is a topic filter and where its messages go.
type subscriber struct {
	filter string
	queue  *queue
}

// route is where the messages of a topic go. It never changes: a subscription
// that comes or goes makes new ones.
type route struct {
	topic  string
	queues []*queue // those of more specific filters first, each once
}

// set puts q in the place of former, which is nil if the filter is new. The
// messages of "$share/group/filter" are those that match filter.
func (r *routes) set(filter string, q *queue) (former *queue) {
	r.recent.forget()
	if s := r.filters[filter]; s != nil {
		former, s.queue = s.queue, q
		return former
	}
	if r.filters == nil {
		r.filters = make(map[string]*subscriber)
	}
	s := &subscriber{filter: filter, queue: q}
	r.filters[filter] = s
	_, levels, _ := packets.SplitShared(filter)
	r.root.add(levels, s)
	return nil
}

// remove takes a filter away. Its queue was former, nil if there was no such filter.
func (r *routes) remove(filter string) (former *queue) {
	s := r.filters[filter]
	if s == nil {
		return nil
	}
	r.recent.forget()
	delete(r.filters, filter)
	_, levels, _ := packets.SplitShared(filter)
	r.root.remove(levels, s)
	return s.queue
}

// all is every filter with its queue, in the order of the filters' bytes. Those
// that come or go during the loop change nothing about it.
func (r *routes) all() iter.Seq2[string, *queue] {
	return func(yield func(string, *queue) bool) {
		byFilter := func(a, b *subscriber) int { return strings.Compare(a.filter, b.filter) }
		for _, s := range slices.SortedFunc(maps.Values(r.filters), byFilter) {
			if !yield(s.filter, s.queue) {
				return
			}
		}
	}
}

// match is the route of a valid topic name, never nil.
func (r *routes) match(topic []byte) *route {
	if m := r.recent.get(topic); m != nil {
		return m
	}
	m := &route{topic: string(topic)}
	r.root.match(m, m.topic, !strings.HasPrefix(m.topic, "$")) // [MQTT-4.7.2-1] [MQTT3-4.7.2-1]
	r.recent.put(m)
	return m
}

// add adds the queues that are not there yet. They are few, or at least asked for
// only once for each topic, so no index of them is kept.
func (m *route) add(subscribers []*subscriber) {
	for _, s := range subscribers {
		if !slices.Contains(m.queues, s.queue) {
			m.queues = append(m.queues, s.queue)
		}
	}
}

// branch is the filters that have their first levels in common.
type branch struct {
	next map[string]*branch // by the level that follows; + is one
	here []*subscriber      // to filters that end here
	rest []*subscriber      // to filters of which only # follows
}

// add puts s below b, where levels lead.
func (b *branch) add(levels string, s *subscriber) {
	for more := true; more; {
		if levels == "#" {
			b.rest = insert(b.rest, s)
			return
		}
		var level string
		level, levels, more = strings.Cut(levels, "/")
		next := b.next[level]
		if next == nil {
			if b.next == nil {
				b.next = make(map[string]*branch)
			}
			next = new(branch)
			b.next[level] = next
		}
		b = next
	}
	b.here = insert(b.here, s)
}

// remove takes s away from where levels lead, and the branches that it leaves bare.
func (b *branch) remove(levels string, s *subscriber) {
	if levels == "#" {
		b.rest = without(b.rest, s)
		return
	}
	level, levels, more := strings.Cut(levels, "/")
	next := b.next[level]
	if more {
		next.remove(levels, s)
	} else {
		next.here = without(next.here, s)
	}
	if len(next.next) == 0 && len(next.here) == 0 && len(next.rest) == 0 {
		delete(b.next, level)
	}
}

// match adds to m the queues of the filters below b that match these levels of
// its topic. The first of them is for a wildcard only if wild.
func (b *branch) match(m *route, levels string, wild bool) {
	level, levels, more := strings.Cut(levels, "/")
	b.next[level].follow(m, levels, more)
	if wild {
		b.next["+"].follow(m, levels, more)
		m.add(b.rest)
	}
}

// follow goes on behind a level that b, which may be nil, stands for.
func (b *branch) follow(m *route, levels string, more bool) {
	switch {
	case b == nil:
	case more:
		b.match(m, levels, true)
	default:
		m.add(b.here)
		m.add(b.rest) // # includes the parent level, section 4.7.1.2
	}
}

// insert keeps the subscribers of one branch, which differ in their share names
// alone, in an order that does not depend on when they came.
func insert(subscribers []*subscriber, s *subscriber) []*subscriber {
	at, _ := slices.BinarySearchFunc(subscribers, s.filter, func(x *subscriber, filter string) int {
		return packets.CompareFilters(x.filter, filter)
	})
	return slices.Insert(subscribers, at, s)
}

func without(subscribers []*subscriber, s *subscriber) []*subscriber {
	at := slices.Index(subscribers, s)
	return slices.Delete(subscribers, at, at+1)
}
