package broker

import (
	"bytes"
	"hash/maphash"

	"github.com/fletchmq/fletch/broker/topics"
)

// routes remembers to whom the last topic names went: most publishers have few. Of a
// topic name there is nothing to look up, as long as no subscription has come or gone.
type routes [256]route

type route struct {
	topic   []byte // its memory is used again
	changes uint64 // of subscriptions, when this was so
	clients []topics.Subscription[*client]
	groups  []topics.Subscription[*group]
}

// longestRemembered is how long a topic name is remembered at most, in bytes.
const longestRemembered = 256

// mostRemembered is how many subscriptions of a topic name are remembered: with more,
// looking them up costs little for each. It bounds how many sessions that have ended are
// kept in memory.
const mostRemembered = 8

var routeSeed = maphash.MakeSeed()

// match gives who has subscribed to topic, until the next match.
func (t *turn) match(b *Broker, topic []byte) (clients []topics.Subscription[*client], groups []topics.Subscription[*group]) {
	if t.routes == nil {
		return t.lookUp(b, topic)
	}
	changes := b.subscriptions.Changes() + b.shared.Changes() // neither ever becomes less
	r := &t.routes[maphash.Bytes(routeSeed, topic)%uint64(len(t.routes))]
	if r.changes == changes && bytes.Equal(r.topic, topic) {
		return r.clients, r.groups
	}
	clients, groups = t.lookUp(b, topic)
	if len(clients)+len(groups) <= mostRemembered && len(topic) <= longestRemembered {
		r.remember(topic, changes, clients, groups)
	}
	return clients, groups
}

func (r *route) remember(topic []byte, changes uint64, clients []topics.Subscription[*client], groups []topics.Subscription[*group]) {
	clear(r.clients)
	clear(r.groups)
	r.topic, r.changes = append(r.topic[:0], topic...), changes
	r.clients = append(r.clients[:0], clients...)
	r.groups = append(r.groups[:0], groups...)
}

func (t *turn) lookUp(b *Broker, topic []byte) ([]topics.Subscription[*client], []topics.Subscription[*group]) {
	t.clients = b.subscriptions.Match(t.clients[:0], topic)
	t.groups = b.shared.Match(t.groups[:0], topic)
	return t.clients, t.groups
}

// matched forgets what match has found: a session that has ended is not kept in memory.
func (t *turn) matched() {
	clear(t.clients)
	clear(t.groups)
	t.clients, t.groups = t.clients[:0], t.groups[:0]
}
