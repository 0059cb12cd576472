package session

import "github.com/fletchmq/fletch/packets"

// Terms is how a message goes to one receiver.
type Terms struct {
	QoS         packets.QoS
	Retain      bool
	Identifiers []uint32 // of the subscriptions that match; nobody changes them
	Group       Group    // nil unless the subscription is shared
}

// Group is a shared subscription. It passes a message on to one of its members,
// and reports whether there is one.
type Group interface {
	Pass(m *Message, t *Turn) bool
}

// Orphan is a message that goes to another member of its Group, because the
// client that it was for is absent, or its session has ended.
type Orphan struct {
	Message *Message
	Group   Group
}

// entry is a message that waits for one receiver, or for its acknowledgement. If
// it has no message, it is the place where retained messages go.
type entry struct {
	message *Message
	place   *place
	cost    int // bytes
	Terms
}

// queue is first in, first out. Its memory grows with what is in it, and goes
// when it is empty.
type queue struct {
	entries []entry
	head    int
}

// keep is how many entries an empty queue has room for at most.
const keep = 64

func (q *queue) len() int { return len(q.entries) - q.head }

func (q *queue) first() *entry {
	if q.len() == 0 {
		return nil
	}
	return &q.entries[q.head]
}

func (q *queue) push(e entry) {
	if len(q.entries) == cap(q.entries) && q.head > len(q.entries)/2 {
		n := copy(q.entries, q.entries[q.head:])
		clear(q.entries[n:])
		q.entries, q.head = q.entries[:n], 0
	}
	q.entries = append(q.entries, e)
}

func (q *queue) pop() entry {
	e := q.entries[q.head]
	q.entries[q.head] = entry{}
	q.head++
	if q.head == len(q.entries) {
		q.entries, q.head = q.entries[:0], 0
		if cap(q.entries) > keep {
			q.entries = nil
		}
	}
	return e
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
