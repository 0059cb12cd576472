package client

import "strings"

// claim is what one SUBSCRIBE wants of one filter: its messages for queue, from
// the time it is sent. Until the server has answered, it stands upon the claim
// that it replaces. Requests may be many on their way, so any claim of a pile may
// be granted, refused or ended.
type claim struct {
	queue  *queue
	former *claim // below this one, and back in force if it is refused
}

// of is where a filter is kept.
func (b *inbox) of(filter string) map[string]*claim {
	if strings.ContainsAny(filter, "+#") || strings.HasPrefix(filter, "$share/") {
		return b.wild
	}
	return b.exact
}

// subscribe claims the filters for handler.
func (b *inbox) subscribe(filters []string, handler Handler) (claims []*claim) {
	q := b.pull
	if handler != nil {
		q = &queue{handler: handler}
	}
	for _, f := range filters {
		top := &claim{queue: q, former: b.of(f)[f]}
		b.of(f)[f] = top
		claims = append(claims, top)
	}
	return claims
}

// subscribed is the answer of the server to a claim.
func (b *inbox) subscribed(filter string, c *claim, granted bool) {
	if granted {
		c.former = nil // or the pile would grow for ever
	} else {
		b.replace(filter, c, c.former)
	}
}

// claims are those in force, nil where there is none.
func (b *inbox) claims(filters []string) (claims []*claim) {
	for _, f := range filters {
		claims = append(claims, b.of(f)[f])
	}
	return claims
}

// unsubscribed ends the claim that was in force when UNSUBSCRIBE was sent, or, if
// that was refused since, what it stood upon. Later claims stay.
func (b *inbox) unsubscribed(filter string, c *claim) {
	for ; c != nil; c = c.former {
		b.replace(filter, c, nil)
	}
}

// replace puts other, or nothing, where c stands, if it still does.
func (b *inbox) replace(filter string, c, other *claim) {
	top := b.of(filter)[filter]
	switch {
	case top != c:
		for ; top != nil; top = top.former {
			if top.former == c {
				top.former = other
				return
			}
		}
	case other == nil:
		delete(b.of(filter), filter)
	default:
		b.of(filter)[filter] = other
	}
}
