package flow

import (
	"iter"

	"github.com/fletchmq/fletch/packets"
)

// hold is a QoS 2 identifier of the peer, from PUBLISH to PUBREL.
type hold struct {
	first   uint32 // sequence number of the delivery, which its Receipt has
	latest  uint32 // sequence number of the last PUBREC asked for
	id      InID
	reason  packets.ReasonCode
	used    bool
	done    bool
	counted bool // its PUBLISH came on this connection, and so counts in open
}

func (h *hold) refused() bool { return h.done && h.reason >= packets.UnspecifiedError }

const minHeld = 8

// held is a set of identifiers, at most half full, with linear probing. The
// peer chooses the identifiers: the multiplication spreads runs and strides
// alike, and who picks them to collide makes one look-up as long as there are
// identifiers held: on one connection as many as the Receive Maximum, and in a
// session that is resumed again and again without a PUBREL 65 535, which are
// 1 MiB. A nil held is empty.
type held struct {
	slots []hold
	n     int
}

// home is where the search for an identifier begins.
func (s *held) home(id InID) int {
	const golden = 40503 // 2^16 divided by the golden ratio
	return int(uint32(uint16(id)*golden) * uint32(len(s.slots)) >> 16)
}

// find gives nil when id is not there. The pointer is good until add or remove.
func (s *held) find(id InID) *hold {
	if s == nil || s.n == 0 {
		return nil
	}
	for i := s.home(id); s.slots[i].used; i = (i + 1) & (len(s.slots) - 1) {
		if s.slots[i].id == id {
			return &s.slots[i]
		}
	}
	return nil
}

// add puts in h, which is not there.
func (s *held) add(h hold) {
	if 2*s.n >= len(s.slots) {
		old := s.slots
		s.slots = make([]hold, max(minHeld, 2*len(old)))
		for _, o := range old {
			if o.used {
				s.place(o)
			}
		}
	}
	h.used = true
	s.place(h)
	s.n++
}

func (s *held) place(h hold) {
	i := s.home(h.id)
	for s.slots[i].used {
		i = (i + 1) & (len(s.slots) - 1)
	}
	s.slots[i] = h
}

// remove takes out id, which is there, and closes the gap: what follows it
// moves up unless that were before its home.
func (s *held) remove(id InID) {
	mask := len(s.slots) - 1
	gap := s.home(id)
	for s.slots[gap].id != id || !s.slots[gap].used {
		gap = (gap + 1) & mask
	}
	for i := (gap + 1) & mask; s.slots[i].used; i = (i + 1) & mask {
		if home := s.home(s.slots[i].id); (i-home)&mask >= (i-gap)&mask {
			s.slots[gap] = s.slots[i]
			gap = i
		}
	}
	s.slots[gap] = hold{}
	s.n--
}

// survivors is what the next connection begins with: not what was refused,
// whose PUBREC may be lost, and which was not delivered.
func (s *held) survivors() *held {
	next := new(held)
	for h := range s.all() {
		if !h.refused() {
			h.counted = false
			next.add(*h)
		}
	}
	if next.n == 0 {
		return nil
	}
	return next
}

func (s *held) all() iter.Seq[*hold] {
	return func(yield func(*hold) bool) {
		if s == nil {
			return
		}
		for i := range s.slots {
			if s.slots[i].used && !yield(&s.slots[i]) {
				return
			}
		}
	}
}
