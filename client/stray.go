package client

import "slices"

// adopt gives q what a resumed session has sent before q subscribed to it. That has
// waited for Receive, which has not taken it yet.
func (c *Client) adopt(q *queue) {
	if q == c.pull {
		return
	}
	wanted := func(topic string) bool {
		return slices.Contains(c.claims.routes.match(bytesOf(topic)).queues, q)
	}
	n := c.pull.taken.part(c.pull.next, &q.waiting, wanted) + c.pull.waiting.part(0, &q.waiting, wanted)
	if n > 0 {
		q.start()
	}
}

// part moves the strays that are wanted, from the i-th record on, to another pile, in
// their order. It gives their number.
func (p *pile) part(i int, to *pile, wanted func(topic string) bool) int {
	rest := p.records[:i]
	for _, r := range p.records[i:] {
		if !r.stray || !wanted(r.topic) {
			rest = append(rest, r)
			continue
		}
		body := p.bytes[r.at : r.at+r.n]
		r.at, r.stray = len(to.bytes), false
		to.records, to.bytes = append(to.records, r), append(to.bytes, body...)
	}
	n := len(p.records) - len(rest)
	clear(p.records[len(rest):])
	if p.records = rest; len(rest) == 0 {
		p.reset()
	}
	return n
}
