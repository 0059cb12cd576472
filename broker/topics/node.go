package topics

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// node is a place where filters end, or part. The levels on the way to it are
// that by which its parent knows it, and then those of tail. What has no other
// way to go is one node, so that a filter costs its length and not its levels.
type node[S any] struct {
	tail     string // levels, each behind a slash
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
		c.follow(m, rest, more)
	}
	if n.plus != nil {
		n.plus.follow(m, rest, more)
	}
}

// follow goes along the tail of n.
func (n *node[S]) follow(m *matches[S], topic []byte, more bool) {
	for tail := n.tail; tail != ""; {
		if !more {
			return
		}
		var level []byte
		level, topic, more = cut(topic)
		k := len("/+")
		if len(tail) == 1 || tail[1] != '+' {
			if k = 1 + len(level); k > len(tail) || tail[1:k] != string(level) {
				return
			}
		}
		if tail = tail[k:]; tail != "" && tail[0] != '/' {
			return
		}
	}
	n.match(m, topic, more)
}

// cut takes the first level off topic.
func cut(topic []byte) (level, rest []byte, more bool) {
	i := bytes.IndexByte(topic, '/')
	if i < 0 {
		return topic, nil, false
	}
	return topic[:i], topic[i+1:], true
}

// pop takes the first level off a path, where each stands behind a slash.
func pop(path string) (level, rest string) {
	path = path[1:]
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// end is the path of a filter without #, and which list it is in where that ends.
func end[S any](filter string) (path string, list func(*node[S]) *[]Subscription[S]) {
	path, hash := strings.CutSuffix("/"+filter, "/#")
	if hash {
		return path, func(n *node[S]) *[]Subscription[S] { return &n.hash }
	}
	return path, func(n *node[S]) *[]Subscription[S] { return &n.exact }
}

// add puts s at the end of filter, and makes the nodes on the way. They have
// strings of their own: the filter may be long, and go away.
func (n *node[S]) add(filter string, s Subscription[S]) (replaced bool) {
	path, list := end[S](filter)
	for path != "" {
		level, rest := pop(path)
		c := n.child(level)
		if c == nil {
			c = &node[S]{tail: strings.Clone(rest)}
			n.put(level, c)
		}
		k := common(c.tail, rest)
		if k < len(c.tail) {
			c.part(k)
		}
		n, path = c, rest[k:]
	}
	return insert(list(n), s)
}

// common is the length of the levels that two paths begin with.
func common(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if (i == len(a) || a[i] == '/') && (i == len(b) || b[i] == '/') {
		return i
	}
	return strings.LastIndexByte(a[:i], '/')
}

// part makes two nodes of n, of which the first has the tail up to k.
func (n *node[S]) part(k int) {
	level, rest := pop(n.tail[k:])
	lower := *n
	lower.tail = strings.Clone(rest)
	*n = node[S]{tail: strings.Clone(n.tail[:k])}
	n.put(level, &lower)
}

// join makes one node of n and the only way on from it.
func (n *node[S]) join() {
	if len(n.exact)+len(n.hash) > 0 {
		return
	}
	level, only := "+", n.plus
	for l, c := range n.children {
		if only != nil {
			return
		}
		level, only = l, c
	}
	only.tail = n.tail + "/" + level + only.tail
	*n = *only
}

// remove takes out what id has at the end of filter, and the nodes on the way
// that nothing is left of.
func (n *node[S]) remove(filter string, id uint64) (found bool) {
	path, list := end[S](filter)
	return n.discard(path, list, id)
}

func (n *node[S]) discard(path string, list func(*node[S]) *[]Subscription[S], id uint64) (found bool) {
	if path == "" {
		return discard(list(n), id)
	}
	level, rest := pop(path)
	c := n.child(level)
	if c == nil || common(c.tail, rest) < len(c.tail) {
		return false
	}
	found = c.discard(rest[len(c.tail):], list, id)
	if c.empty() {
		n.drop(level)
	} else {
		c.join()
	}
	return found
}

func (n *node[S]) child(level string) *node[S] {
	if level == "+" {
		return n.plus
	}
	return n.children[level]
}

func (n *node[S]) put(level string, c *node[S]) {
	if level == "+" {
		n.plus = c
		return
	}
	if n.children == nil {
		n.children = make(map[string]*node[S])
	}
	n.children[strings.Clone(level)] = c
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
