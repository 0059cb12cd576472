package session

import (
	"iter"
	"sync"

	"github.com/fletchmq/fletch/packets"
)

// Terms is how a message goes to one receiver.
type Terms struct {
	QoS         packets.QoS
	Retain      bool
	Identifiers []uint32 // of the subscriptions that match; nobody changes them
	Group       Group    // nil unless the subscription is shared
	Kept        Kept     // where it is stored, zero if it is not
}

// Group is a shared subscription. It passes a message on to one of its members,
// and reports whether there is one.
type Group interface {
	Pass(m *Message, t *Turn) bool
}

// Orphan is a message that goes to another member of its Group, because the
// client that it was for is absent, or its session has ended.
type Orphan struct {
	Message *Message // nil if it is in the store alone
	Group   Group
	Kept    Kept // for the caller to drop, when somebody else has the message
}

// entry is a message that waits for one receiver, or for its acknowledgement. If
// it has no message, it is the place where retained messages go.
type entry struct {
	message *Message
	place   *place
	cost    int // bytes
	Terms
}

// sent has entries for exchanges, of which the sender keeps nothing but a pointer:
// few sessions have as many as it has room for.
var sent = sync.Pool{New: func() any { return new(entry) }}

// chunkSize is how many entries are lent at once.
const chunkSize = 8

// chunk is a piece of a queue.
type chunk struct {
	next    *chunk
	entries [chunkSize]entry
}

var chunks = sync.Pool{New: func() any { return new(chunk) }}

// queue is first in, first out. Its memory grows with what is in it, and is
// borrowed: an empty queue has none.
type queue struct {
	head, tail *chunk
	n          uint32
	at         uint8 // of the first entry, in head
	end        uint8 // behind the last entry, in tail
}

func (q *queue) len() int { return int(q.n) }

func (q *queue) first() *entry {
	if q.n == 0 {
		return nil
	}
	return &q.head.entries[q.at]
}

func (q *queue) push(e entry) {
	switch {
	case q.n == 0:
		q.head = chunks.Get().(*chunk)
		q.tail, q.at, q.end = q.head, 0, 0
	case q.end == chunkSize:
		q.tail.next = chunks.Get().(*chunk)
		q.tail, q.end = q.tail.next, 0
	}
	q.tail.entries[q.end] = e
	q.end++
	q.n++
}

func (q *queue) pop() entry {
	c := q.head
	e := c.entries[q.at]
	c.entries[q.at] = entry{}
	q.at++
	q.n--
	if q.at == chunkSize || q.n == 0 {
		q.head, q.at = c.next, 0
		c.next = nil
		chunks.Put(c)
		if q.n == 0 {
			q.tail = nil
		}
	}
	return e
}

// all goes through the queue, which stays as it is.
func (q *queue) all() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		c, at := q.head, q.at
		for range q.n {
			if at == chunkSize {
				c, at = c.next, 0
			}
			if !yield(&c.entries[at]) {
				return
			}
			at++
		}
	}
}

// filter goes through the queue once, and leaves in it what stays says.
func (q *queue) filter(stays func(*entry) bool) {
	for range q.len() {
		if e := q.pop(); stays(&e) {
			q.push(e)
		}
	}
}

// clear releases all messages.
func (q *queue) clear() {
	for q.len() > 0 {
		if e := q.pop(); e.message != nil {
			e.message.Release()
		}
	}
}
