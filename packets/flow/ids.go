package flow

import "iter"

// OutID is a packet identifier this side has assigned: to its PUBLISH,
// SUBSCRIBE and UNSUBSCRIBE, section 2.2.1. PUBACK, PUBREC, PUBCOMP, SUBACK
// and UNSUBACK from the peer carry one.
type OutID uint16

// InID is a packet identifier the peer has assigned to its PUBLISH. PUBREL from
// the peer carries one.
type InID uint16

const (
	minSlots = 8
	maxSlots = 1 << 16
)

// slot is one identifier in use. It stands at its identifier modulo the number
// of slots, so that looking up is one index; id 0 is a free slot.
type slot[M any] struct {
	m          M
	id         OutID
	prev, next OutID // neighbours in the list of its state
	state      State
	sent       bool // on this connection, and so counted in used
}

// list holds exchanges in order. It links identifiers and not places, so that
// it need not change when the slots grow.
type list struct{ head, tail OutID }

// at is the slot of an identifier in use, or nil.
func (s *Sender[M]) at(id OutID) *slot[M] {
	if s.exchanges == nil || id == 0 {
		return nil
	}
	x := &s.slots[int(id)&(len(s.slots)-1)]
	if x.id != id {
		return nil
	}
	return x
}

// take assigns the next identifier whose slot is free: never 0 and never one in
// use [MQTT-2.2.1-3] [MQTT-2.2.1-4] [MQTT3-2.3.1-1] [MQTT3-2.3.1-2]. At least
// half of the slots are free below 32768 exchanges, so that over time fewer
// than two are looked at for each identifier, whatever order the peer answers
// in. It is nil when all 65535 are in use.
//
// Going on from the last one, and not to the lowest free, keeps an identifier
// out of use for long: the second answer to a packet that went out twice must
// not meet another message.
func (s *Sender[M]) take() *slot[M] {
	s.make()
	if 2*int(s.live) >= len(s.slots) && len(s.slots) < maxSlots {
		s.grow()
	}
	if s.live == maxSlots-1 {
		return nil
	}
	for mask := len(s.slots) - 1; ; {
		s.last++
		if x := &s.slots[int(s.last)&mask]; x.id == 0 && s.last != 0 {
			x.id = s.last
			s.live++
			return x
		}
	}
}

// claim makes a given identifier one in use, or is nil if it is already.
func (s *Sender[M]) claim(id OutID) *slot[M] {
	if id == 0 || s.at(id) != nil {
		return nil
	}
	s.make()
	for 2*int(s.live) >= len(s.slots) || s.slots[int(id)&(len(s.slots)-1)].id != 0 {
		if len(s.slots) == maxSlots {
			break // each identifier has a slot of its own
		}
		s.grow()
	}
	x := &s.slots[int(id)&(len(s.slots)-1)]
	x.id = id
	s.live++
	return x
}

// make is for the first exchange.
func (s *Sender[M]) make() {
	if s.exchanges == nil {
		s.exchanges = &exchanges[M]{slots: make([]slot[M], minSlots)}
	}
}

// grow doubles the slots. Identifiers that differ in fewer bits differ in more.
func (s *Sender[M]) grow() {
	old := s.slots
	s.slots = make([]slot[M], 2*len(old))
	for _, x := range old {
		if x.id != 0 {
			s.slots[int(x.id)&(len(s.slots)-1)] = x
		}
	}
}

// free makes the identifier of x one not in use.
func (s *Sender[M]) free(x *slot[M]) {
	*x = slot[M]{}
	s.live--
}

func (s *Sender[M]) push(l *list, x *slot[M]) {
	x.prev, x.next = l.tail, 0
	if l.tail == 0 {
		l.head = x.id
	} else {
		s.at(l.tail).next = x.id
	}
	l.tail = x.id
}

func (s *Sender[M]) remove(l *list, x *slot[M]) {
	if x.prev == 0 {
		l.head = x.next
	} else {
		s.at(x.prev).next = x.next
	}
	if x.next == 0 {
		l.tail = x.prev
	} else {
		s.at(x.next).prev = x.prev
	}
}

// each goes through a list. The slot it is at may be freed by the loop's body.
func (s *Sender[M]) each(l list) iter.Seq[*slot[M]] {
	return func(yield func(*slot[M]) bool) {
		for id := l.head; id != 0; {
			x := s.at(id)
			id = x.next
			if !yield(x) {
				return
			}
		}
	}
}
