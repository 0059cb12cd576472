package topics

import (
	"slices"
	"sync/atomic"

	"github.com/fletchmq/fletch/packets"
)

// entry is a Subscription as it is kept: nobody changes it.
type entry[S any] struct {
	id                uint64
	subscriber        S
	qos               packets.QoS
	noLocal           bool
	retainAsPublished bool
	identifier        [1]uint32 // zero if there is none, which is not a Subscription Identifier
}

func newEntry[S any](s *Subscription[S]) entry[S] {
	e := entry[S]{
		id: s.ID, subscriber: s.Subscriber,
		qos: s.QoS, noLocal: s.NoLocal, retainAsPublished: s.RetainAsPublished,
	}
	copy(e.identifier[:], s.Identifiers)
	return e
}

func (e *entry[S]) clone() *entry[S] {
	c := *e
	return &c
}

// appendTo appends e to dst. It writes in place, as a list may be long.
func (e *entry[S]) appendTo(dst []Subscription[S]) []Subscription[S] {
	n := len(dst)
	if n == cap(dst) {
		dst = slices.Grow(dst, 1)
	}
	dst = dst[:n+1]
	s := &dst[n]
	s.ID, s.Subscriber = e.id, e.subscriber
	s.QoS, s.NoLocal, s.RetainAsPublished = e.qos, e.noLocal, e.retainAsPublished
	s.Identifiers = nil
	if e.identifier[0] != 0 {
		s.Identifiers = e.identifier[:]
	}
	return dst
}

// list is the subscriptions of one filter, at least one. A single one, which most
// have, is in one piece with it. Nobody changes a list, but for the table.
type list[S any] struct {
	only entry[S]
	all  *table[entry[S]] // if there are more
}

// lists is where a list is, or none.
type lists[S any] struct{ atomic.Pointer[list[S]] }

// put puts in e, in the place of what the same subscriber has.
func (p *lists[S]) put(e *entry[S]) (replaced bool) {
	l := p.Load()
	var all *table[entry[S]]
	switch {
	case l == nil || l.all == nil && l.only.id == e.id:
		p.Store(&list[S]{only: *e})
		return l != nil
	case l.all == nil:
		all = newTable[entry[S]](2).with(tagOfID(l.only.id), l.only.clone())
	default:
		at, _ := l.find(e.id)
		if at != nil {
			at.item.Store(e.clone())
			return true
		}
		all = l.all
	}
	if all = all.with(tagOfID(e.id), e.clone()); all != l.all {
		p.Store(&list[S]{all: all})
	}
	return false
}

// remove takes out what id has.
func (p *lists[S]) remove(id uint64) (found bool) {
	l := p.Load()
	switch {
	case l == nil:
		return false
	case l.all == nil:
		if found = l.only.id == id; found {
			p.Store(nil)
		}
		return found
	}
	at, _ := l.find(id)
	if at == nil {
		return false
	}
	switch all := l.all.without(at); {
	case all.items == 1:
		p.Store(&list[S]{only: *all.single()})
	case all != l.all:
		p.Store(&list[S]{all: all})
	}
	return true
}

func (l *list[S]) find(id uint64) (*slot[entry[S]], *entry[S]) {
	return l.all.find(tagOfID(id), func(e *entry[S]) bool { return e.id == id })
}

// matches collects what is found, and from how many lists: in one, no subscriber
// is twice.
type matches[S any] struct {
	found []Subscription[S]
	lists int
}

func (m *matches[S]) add(l *list[S]) {
	if l == nil {
		return
	}
	m.lists++
	if l.all == nil {
		m.found = l.only.appendTo(m.found)
		return
	}
	found, slots := m.found, l.all.slots
	for i := range slots {
		if e := slots[i].item.Load(); e != nil {
			found = e.appendTo(found)
		}
	}
	m.found = found
}
