package flow

import "iter"

// Request assigns an identifier to a SUBSCRIBE or UNSUBSCRIBE. It uses no quota
// and does not wait for any [MQTT-3.3.4-8]. It is refused when all identifiers
// are in use.
func (s *Sender[M]) Request(m M) (id OutID, ok bool) {
	x := s.take()
	if x == nil {
		return 0, false
	}
	x.m, x.state = m, AwaitReply
	s.push(&s.requests, x)
	return x.id, true
}

// Reply handles SUBACK and UNSUBACK, or takes back a request whose connection
// is gone: Finished, Unknown or Misplaced.
func (s *Sender[M]) Reply(id OutID) (m M, o Outcome) {
	x := s.at(id)
	if x == nil {
		return m, Unknown
	}
	if x.state != AwaitReply {
		return m, Misplaced
	}
	return s.finish(x), Finished
}

// Swap puts m in the place of the exchange's handle and gives back the one that
// was there. It is how a caller that wants to be told of PUBCOMP keeps a handle
// after PUBREC. It is false, and m stays with the caller, when the identifier
// is not in use.
func (s *Sender[M]) Swap(id OutID, m M) (old M, ok bool) {
	x := s.at(id)
	if x == nil {
		return old, false
	}
	old, x.m = x.m, m
	return old, true
}

// Available is how many messages Begin accepts now.
func (s *Sender[M]) Available() int {
	return min(s.quota(), maxSlots-1-s.InFlight())
}

// quota is what is left of it.
func (s *Sender[M]) quota() int {
	switch {
	case s.exchanges == nil:
		return int(s.window)
	case s.resend != 0 || s.used >= s.window:
		return 0
	}
	return int(s.window - s.used)
}

// InFlight is the number of identifiers in use, of all states.
func (s *Sender[M]) InFlight() int {
	if s.exchanges == nil {
		return 0
	}
	return int(s.live)
}

// All gives what is in use, in the order it is sent again: what waits for
// PUBCOMP in the order of the PUBRECs, then PUBLISHes in theirs, then requests.
// The loop may end the exchange it is at, and no other.
func (s *Sender[M]) All() iter.Seq[Exchange[M]] {
	return func(yield func(Exchange[M]) bool) {
		if s.exchanges == nil {
			return
		}
		for _, l := range [...]list{s.releases, s.publishes, s.requests} {
			for x := range s.each(l) {
				if !yield(Exchange[M]{x.m, x.id, x.state}) {
					return
				}
			}
		}
	}
}

// Restore puts back an exchange that All has given before a restart. It comes
// before the first Resume, in the order of All, and is sent again by Resend or
// Releases. It is false, and e.M stays with the caller, when the identifier is
// 0 or in use, or the state is none.
func (s *Sender[M]) Restore(e Exchange[M]) bool {
	if e.State < AwaitPuback || e.State > AwaitReply {
		return false
	}
	x := s.claim(e.ID)
	if x == nil {
		return false
	}
	x.m, x.state = e.M, e.State
	s.push(s.list(e.State), x)
	s.last = e.ID
	return true
}

// Reset ends the session: nothing is in flight any more, and Begin waits for
// Resume. It gives back what was, in the order of All, whether or not the
// caller looks at it; Begin may be called meanwhile. What waited for PUBCOMP
// has reached the peer.
func (s *Sender[M]) Reset() iter.Seq[Exchange[M]] {
	old := *s
	*s = Sender[M]{last: old.last}
	return old.All()
}

// Trim gives the memory back if nothing is in flight. The next exchange
// allocates again, so it is for sessions that have gone quiet.
func (s *Sender[M]) Trim() {
	if s.InFlight() == 0 {
		s.exchanges = nil
	}
}
