package client

import (
	"iter"
	"math/rand/v2"
	"slices"
)

// claim is what one SUBSCRIBE wants of one filter: its messages for queue, from
// the time it is sent. Until the server has answered, it stands upon the claim
// that it replaces. Requests may be many on their way, so any claim of a pile may
// be granted, refused or ended.
type claim struct {
	subscription Subscription
	identifier   uint32
	queue        *queue
	granted      bool
	gone         bool   // in no pile any more
	former       *claim // below this one, and back in force if it is refused
}

// claims are the piles, by their filters, and the routes of those on top.
type claims struct {
	piles       map[string]*claim
	routes      routes
	former      routes // those that the Client has ended
	identifiers map[uint32]*holder
	last        uint32   // subscription identifier
	found       []*queue // used again and again
}

// holder is whose a subscription identifier is.
type holder struct {
	queue  *queue
	claims int
}

// mostFormer is how many filters that were ended are known at most. What the server still
// had for one comes soon.
const mostFormer = 1024

// maxIdentifier is the largest subscription identifier, section 3.8.2.1.2.
const maxIdentifier = 268_435_455

func (s *claims) init(used bool) {
	s.piles, s.identifiers = make(map[string]*claim), make(map[uint32]*holder)
	if used { // some, by an earlier Client in the same session
		s.last = rand.Uint32N(maxIdentifier)
	}
}

// nextIdentifier gives an identifier that is not in use.
func (s *claims) nextIdentifier() uint32 {
	for {
		s.last = s.last%maxIdentifier + 1
		if s.identifiers[s.last] == nil {
			return s.last
		}
	}
}

// add puts a claim on its pile.
func (s *claims) add(top *claim) {
	filter := top.subscription.Filter
	top.former = s.piles[filter]
	s.piles[filter] = top
	s.routes.set(filter, top.queue)
	s.former.remove(filter)
	x := s.identifiers[top.identifier]
	if x == nil {
		x = &holder{queue: top.queue}
		s.identifiers[top.identifier] = x
	}
	x.claims++
}

// drop is for a claim that is in no pile any more. It may be told so twice: answers may
// come in another order than requests.
func (s *claims) drop(c *claim) {
	if c.gone {
		return
	}
	c.gone = true
	x := s.identifiers[c.identifier]
	if x.claims--; x.claims == 0 {
		delete(s.identifiers, c.identifier)
	}
}

// dropTo drops c and what it stands upon, down to other.
func (s *claims) dropTo(c, other *claim) {
	for ; c != other; c = c.former {
		s.drop(c)
	}
}

// tops are those in force, nil where there is none.
func (s *claims) tops(filters []string) (tops []*claim) {
	for _, f := range filters {
		tops = append(tops, s.piles[f])
	}
	return tops
}

// granted gives, for each filter, the claim that the server has granted last.
func (s *claims) granted() iter.Seq[*claim] {
	return func(yield func(*claim) bool) {
		for filter := range s.routes.all() {
			c := s.piles[filter]
			for c != nil && !c.granted {
				c = c.former
			}
			if c != nil && !yield(c) {
				return
			}
		}
	}
}

// replace puts other where c stands, if it still does: what c stands upon, or nothing.
func (s *claims) replace(filter string, c, other *claim) {
	top := s.piles[filter]
	switch {
	case top != c:
		for ; top != nil; top = top.former {
			if top.former == c {
				top.former = other
				s.dropTo(c, other)
				return
			}
		}
	case other == nil:
		delete(s.piles, filter)
		s.routes.remove(filter)
		s.dropTo(c, nil)
	default:
		s.piles[filter] = other
		s.routes.set(filter, other.queue)
		s.drop(c)
	}
}

// claimAll claims the filters of a SUBSCRIBE for q.
func (c *Client) claimAll(r *request, q *queue) {
	r.identifier = c.claims.nextIdentifier()
	for _, s := range r.subscriptions {
		top := &claim{subscription: s, identifier: r.identifier, queue: q}
		c.claims.add(top)
		r.claims = append(r.claims, top)
	}
}

// subscribed is the answer of the server to a claim.
func (c *Client) subscribed(filter string, top *claim, granted bool) {
	if !granted {
		c.claims.replace(filter, top, top.former)
		return
	}
	top.granted = true
	for top.former != nil { // or the pile would grow for ever
		c.claims.drop(top.former)
		top.former = top.former.former
	}
}

// unsubscribed ends the claim that was in force when UNSUBSCRIBE was sent, or, if
// that was refused since, what it stood upon. Later claims stay.
func (c *Client) unsubscribed(filter string, top *claim) {
	for ; top != nil; top = top.former {
		c.claims.replace(filter, top, nil)
	}
	if s := &c.claims; s.piles[filter] == nil {
		if len(s.former.filters) == mostFormer {
			s.former = routes{}
		}
		s.former.set(filter, c.pull)
	}
}

// identified gives the queues that subscription identifiers stand for, each once, or
// others if there is one that is not known: it is from before a subscription was
// replaced, or of an earlier process.
func (s *claims) identified(ids []uint32, others []*queue) []*queue {
	s.found = s.found[:0]
	for _, id := range ids {
		x := s.identifiers[id]
		if x == nil {
			return others
		}
		if !slices.Contains(s.found, x.queue) {
			s.found = append(s.found, x.queue)
		}
	}
	return s.found
}
