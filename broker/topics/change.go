package topics

import "strings"

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

// add puts e at the end of filter, and makes the nodes on the way. The path of the last
// one is a part of filter, which is good for as long as the node is: what else there
// may be at the node and behind it is as long at least.
func (n *node[S]) add(filter string, e *entry[S]) (replaced bool) {
	for path := filter; ; {
		level, _, _ := strings.Cut(path, "/")
		if level == "#" {
			return n.more().hash.put(e)
		}
		c := n.child(level)
		if c == nil {
			c = &node[S]{path: path}
			c.exact.put(e)
			n.put(level, c)
			return false
		}
		k := common(c.path, path)
		if k < len(c.path) {
			c = c.part(k)
			n.put(level, c)
		}
		if k == len(path) {
			return c.exact.put(e)
		}
		n, path = c, path[k+1:]
	}
}

// part is two nodes instead of n, of which the first has the path up to k.
func (n *node[S]) part(k int) *node[S] {
	upper := &node[S]{path: strings.Clone(n.path[:k])}
	rest := n.path[k+1:]
	if rest == "#" {
		upper.more().hash.Store(n.exact.Load())
		return upper
	}
	level, _, _ := strings.Cut(rest, "/")
	upper.put(level, n.as(rest))
	return upper
}

// as is n with another path.
func (n *node[S]) as(path string) *node[S] {
	c := &node[S]{path: path}
	c.exact.Store(n.exact.Load())
	c.below.Store(n.below.Load())
	return c
}

// join is one node instead of n and the only way on from it, or nil if it is not so.
func (n *node[S]) join() *node[S] {
	b := n.below.Load()
	if n.exact.Load() != nil || b.hash.Load() != nil {
		return nil
	}
	only, children := b.plus.Load(), b.children.Load()
	switch {
	case children == nil:
	case only == nil && children.items == 1:
		only = children.single()
	default:
		return nil
	}
	return only.as(n.path + "/" + only.path)
}

// remove takes out what id has at the end of filter, and the nodes on the way
// that nothing is left of.
func (n *node[S]) remove(filter string, id uint64) (found bool) {
	level, _, _ := strings.Cut(filter, "/")
	if level == "#" {
		return n.removeHash(id)
	}
	c := n.child(level)
	if c == nil {
		return false
	}
	switch k := common(c.path, filter); {
	case k < len(c.path):
		return false
	case k == len(filter):
		found = c.exact.remove(id)
	default:
		found = c.remove(filter[k+1:], id)
	}
	if !found {
		return false
	}
	if c.below.Load() != nil {
		if joined := c.join(); joined != nil {
			n.put(level, joined)
		}
	} else if c.exact.Load() == nil {
		n.drop(level)
	}
	return true
}

func (n *node[S]) removeHash(id uint64) (found bool) {
	b := n.below.Load()
	if b == nil {
		return false
	}
	found = b.hash.remove(id)
	n.trim()
	return found
}

func (n *node[S]) child(level string) *node[S] {
	b := n.below.Load()
	switch {
	case b == nil:
		return nil
	case level == "+":
		return b.plus.Load()
	}
	_, c := b.find(level)
	return c
}

func (b *below[S]) find(level string) (*slot[node[S]], *node[S]) {
	return b.children.Load().find(tagOfString(level), func(c *node[S]) bool { return begins(c.path, level) })
}

// put puts in c, in the place of what is there.
func (n *node[S]) put(level string, c *node[S]) {
	b := n.more()
	if level == "+" {
		b.plus.Store(c)
		return
	}
	if at, _ := b.find(level); at != nil {
		at.item.Store(c)
		return
	}
	b.children.Store(b.children.Load().with(tagOfString(level), c))
}

// drop takes out the child that is there.
func (n *node[S]) drop(level string) {
	b := n.below.Load()
	if level == "+" {
		b.plus.Store(nil)
	} else {
		at, _ := b.find(level)
		b.children.Store(b.children.Load().without(at))
	}
	n.trim()
}

// more is what is behind n, made if need be.
func (n *node[S]) more() *below[S] {
	b := n.below.Load()
	if b == nil {
		b = new(below[S])
		n.below.Store(b)
	}
	return b
}

// trim lets go of what is behind n if that is empty.
func (n *node[S]) trim() {
	b := n.below.Load()
	if b != nil && b.hash.Load() == nil && b.plus.Load() == nil && b.children.Load() == nil {
		n.below.Store(nil)
	}
}
