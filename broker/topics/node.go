package topics

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// node is a level of filters. Its subscriptions are in the order of their IDs.
type node[S any] struct {
	children map[string]*node[S]
	plus     *node[S]
	exact    []Subscription[S] // filters that end here
	hash     []Subscription[S] // filters that go on with # alone
}

// matches collects what is found, and from how many lists: what is in one list
// is in order.
type matches[S any] struct {
	found []Subscription[S]
	lists int
}

func (m *matches[S]) add(list []Subscription[S]) {
	if len(list) > 0 {
		m.found = append(m.found, list...)
		m.lists++
	}
}

// match finds what the levels in topic match. There are none when more is false,
// which is not the same as one that is empty.
func (n *node[S]) match(m *matches[S], topic []byte, more bool) {
	m.add(n.hash) // # is the parent level, too, section 4.7.1.2
	if !more {
		m.add(n.exact)
		return
	}
	level, rest, more := cut(topic)
	if c := n.children[string(level)]; c != nil {
		c.match(m, rest, more)
	}
	if n.plus != nil {
		n.plus.match(m, rest, more)
	}
}

// cut takes the first level off topic.
func cut(topic []byte) (level, rest []byte, more bool) {
	i := bytes.IndexByte(topic, '/')
	if i < 0 {
		return topic, nil, false
	}
	return topic[:i], topic[i+1:], true
}

// add puts s at the end of filter, and makes the nodes on the way.
func (n *node[S]) add(filter string, s Subscription[S]) (replaced bool) {
	for more := true; more; {
		var level string
		level, filter, more = strings.Cut(filter, "/")
		if level == "#" {
			return insert(&n.hash, s)
		}
		n = n.grow(level)
	}
	return insert(&n.exact, s)
}

func (n *node[S]) grow(level string) *node[S] {
	if level == "+" {
		if n.plus == nil {
			n.plus = new(node[S])
		}
		return n.plus
	}
	c := n.children[level]
	if c == nil {
		if n.children == nil {
			n.children = make(map[string]*node[S])
		}
		c = new(node[S])
		n.children[strings.Clone(level)] = c // the filter may be long, and go away
	}
	return c
}

// remove takes out what id has at the end of filter, and the nodes on the way
// that nothing is left of.
func (n *node[S]) remove(filter string, id uint64) (found bool) {
	level, rest, more := strings.Cut(filter, "/")
	if level == "#" {
		return discard(&n.hash, id)
	}
	c := n.children[level]
	if level == "+" {
		c = n.plus
	}
	switch {
	case c == nil:
		return false
	case more:
		found = c.remove(rest, id)
	default:
		found = discard(&c.exact, id)
	}
	if c.empty() {
		n.drop(level)
	}
	return found
}

func (n *node[S]) drop(level string) {
	if level == "+" {
		n.plus = nil
		return
	}
	delete(n.children, level)
	if len(n.children) == 0 {
		n.children = nil
	}
}

func (n *node[S]) empty() bool {
	return n.children == nil && n.plus == nil && len(n.exact) == 0 && len(n.hash) == 0
}

func insert[S any](list *[]Subscription[S], s Subscription[S]) (replaced bool) {
	i, replaced := search(*list, s.ID)
	if replaced {
		(*list)[i] = s
	} else {
		*list = slices.Insert(*list, i, s)
	}
	return replaced
}

func discard[S any](list *[]Subscription[S], id uint64) (found bool) {
	i, found := search(*list, id)
	if found {
		*list = slices.Delete(*list, i, i+1)
	}
	if len(*list) == 0 {
		*list = nil
	}
	return found
}

func search[S any](list []Subscription[S], id uint64) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(s Subscription[S], id uint64) int { return cmp.Compare(s.ID, id) })
}
