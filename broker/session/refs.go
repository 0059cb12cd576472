package session

import (
	"iter"

	"github.com/fletchmq/fletch/packets"
)

// ref is a message that waits in the store and not in memory.
type ref struct {
	sequence uint64
	cost     uint32
	packetID uint16
	flags    uint8
}

// The bits of flags, above two for the QoS.
const (
	refRetain = 1 << (iota + 2)
	refShared
	refSent
	refRare // vault.rare has more
)

func refOf(t *Terms, cost int) ref {
	r := ref{sequence: t.Kept.Sequence, cost: uint32(cost), packetID: t.Kept.PacketID, flags: uint8(t.QoS)}
	for _, f := range []struct {
		is  bool
		bit uint8
	}{
		{t.Retain, refRetain},
		{t.Kept.Shared, refShared},
		{t.Kept.Sent, refSent},
		{t.Identifiers != nil || t.Group != nil, refRare},
	} {
		if f.is {
			r.flags |= f.bit
		}
	}
	return r
}

func (r *ref) has(bit uint8) bool { return r.flags&bit != 0 }

func (r *ref) kept() Kept {
	return Kept{Sequence: r.sequence, PacketID: r.packetID, Shared: r.has(refShared), Sent: r.has(refSent)}
}

// terms are without what is rare.
func (r *ref) terms() Terms {
	return Terms{QoS: packets.QoS(r.flags & 3), Retain: r.has(refRetain), Kept: r.kept()}
}

// refs is first in, first out. It has as much memory as is in it, more or less.
type refs struct {
	head, tail *piece
	n          int
}

// piece is a part of refs; none is empty.
type piece struct {
	next *piece
	at   int // the first
	refs []ref
}

// The sizes of pieces: small queues take little memory, and large ones few pieces.
const (
	minPiece = 4
	maxPiece = 64
)

func (q *refs) len() int { return q.n }

func (q *refs) push(r ref) {
	switch {
	case q.tail == nil:
		q.head = &piece{refs: make([]ref, 0, minPiece)}
		q.tail = q.head
	case len(q.tail.refs) == cap(q.tail.refs):
		q.tail.next = &piece{refs: make([]ref, 0, min(2*cap(q.tail.refs), maxPiece))}
		q.tail = q.tail.next
	}
	q.tail.refs = append(q.tail.refs, r)
	q.n++
}

func (q *refs) first() *ref {
	if q.n == 0 {
		return nil
	}
	return &q.head.refs[q.head.at]
}

func (q *refs) pop() ref {
	p := q.head
	r := p.refs[p.at]
	p.at++
	q.n--
	if p.at == len(p.refs) {
		if q.head = p.next; q.head == nil {
			q.tail = nil
		}
	}
	return r
}

// prepend puts those of front before those of q.
func (q *refs) prepend(front refs) {
	if front.n == 0 {
		return
	}
	if front.tail.next = q.head; q.tail == nil {
		q.tail = front.tail
	}
	q.head = front.head
	q.n += front.n
}

func (q *refs) all() iter.Seq[*ref] {
	return func(yield func(*ref) bool) {
		for p := q.head; p != nil; p = p.next {
			for i := p.at; i < len(p.refs); i++ {
				if !yield(&p.refs[i]) {
					return
				}
			}
		}
	}
}

// filter leaves in q what stays says.
func (q *refs) filter(stays func(*ref) bool) {
	var rest refs
	for r := range q.all() {
		if stays(r) {
			rest.push(*r)
		}
	}
	*q = rest
}
