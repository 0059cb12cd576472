package flow

import (
	"iter"

	"github.com/fletchmq/fletch/packets"
)

// A caller that keeps its messages elsewhere may keep their identifiers with them,
// and bring both back: that is what the methods here are for.

// Free reports whether BeginAs accepts id as far as the identifier goes.
func (s *Sender[M]) Free(id OutID) bool { return id != 0 && s.at(id) == nil }

// BeginAs is Begin with an identifier that the caller has chosen. It is also refused
// when that is 0 or in use.
func (s *Sender[M]) BeginAs(qos packets.QoS, id OutID, m M) (ok bool) {
	if s.quota() == 0 {
		return false
	}
	x := s.claim(id)
	if x == nil {
		return false
	}
	s.start(x, qos, m)
	return true
}

// start begins the exchange of a slot that has an identifier.
func (s *Sender[M]) start(x *slot[M], qos packets.QoS, m M) {
	switch qos {
	case packets.AtLeastOnce:
		x.state = AwaitPuback
	case packets.ExactlyOnce:
		x.state = AwaitPubrec
	default:
		panic("flow: only QoS 1 and 2 have an exchange")
	}
	x.m, x.sent = m, true
	s.used++
	s.push(&s.publishes, x)
}

// Exchange is the one of an identifier in use.
func (s *Sender[M]) Exchange(id OutID) (e Exchange[M], ok bool) {
	x := s.at(id)
	if x == nil {
		return e, false
	}
	return Exchange[M]{x.m, x.id, x.state}, true
}

// Recall takes back all PUBLISHes that are not acknowledged, in the order of sending.
// The caller keeps their identifiers, and begins them again with BeginAs on another
// connection, with DUP 1: until then the identifiers are not in use, and the caller
// gives them to nobody else. What waits for PUBCOMP goes on.
func (s *Sender[M]) Recall() iter.Seq[Exchange[M]] {
	return func(yield func(Exchange[M]) bool) {
		if s.exchanges == nil {
			return
		}
		for x := range s.each(s.publishes) {
			e := Exchange[M]{x.m, x.id, x.state}
			s.finish(x)
			if !yield(e) {
				return
			}
		}
	}
}
