package topics

import (
	"bytes"
	"sync/atomic"
)

// node is a place where filters end, or part. What has no other way to go is one
// node, so that a filter costs its length and not its levels.
//
// Who has the lock of the shard changes what the atomic pointers point to; path
// stays. A node with another path takes the place of the old one, and has the same
// below: so who reads the old one still finds what has not changed.
type node[S any] struct {
	path  string   // levels, of which the first is that by which its parent knows it; # is the last if nothing is below
	exact lists[S] // filters that end here
	below atomic.Pointer[below[S]]
}

// below is what is behind a node. One that is empty is not kept.
type below[S any] struct {
	hash     lists[S] // filters that go on with # alone, unless that is in the path
	plus     atomic.Pointer[node[S]]
	children atomic.Pointer[table[node[S]]]
}

// match finds what the levels in topic match. There are none when more is false,
// which is not the same as one that is empty.
func (n *node[S]) match(m *matches[S], topic []byte, more bool) {
	b := n.below.Load()
	if b != nil {
		m.add(b.hash.Load()) // # is the parent level, too, section 4.7.1.2
	}
	if !more {
		m.add(n.exact.Load())
		return
	}
	if b == nil {
		return
	}
	level, rest, more := cut(topic)
	if t := b.children.Load(); t != nil {
		_, c := t.find(tagOf(level), func(c *node[S]) bool { return begins(c.path, level) })
		if c != nil {
			c.follow(m, c.path[len(level):], rest, more)
		}
	}
	if c := b.plus.Load(); c != nil {
		c.follow(m, c.path[len("+"):], rest, more)
	}
}

// follow goes along the rest of the path of n.
func (n *node[S]) follow(m *matches[S], tail string, topic []byte, more bool) {
	for tail != "" {
		if tail == "/#" { // the parent level, too
			m.add(n.exact.Load())
			return
		}
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

// begins reports whether level is the first of path.
func begins[L string | []byte](path string, level L) bool {
	k := len(level)
	return len(path) >= k && path[:k] == string(level) && (len(path) == k || path[k] == '/')
}

// cut takes the first level off topic.
func cut(topic []byte) (level, rest []byte, more bool) {
	i := bytes.IndexByte(topic, '/')
	if i < 0 {
		return topic, nil, false
	}
	return topic[:i], topic[i+1:], true
}
