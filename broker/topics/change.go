package topics

import "strings"

// end is the path of a filter without #, each level behind a slash, and whether
// there was one.
func end(filter string) (path string, hash bool) {
	return strings.CutSuffix("/"+filter, "/#")
}

// pop takes the first level off a path.
func pop(path string) (level, rest string) {
	path = path[1:]
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
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

// add puts e at the end of filter, and makes the nodes on the way. The last has part
// of the string of filter: there is none without a filter that is as long. Others have
// strings of their own.
func (n *node[S]) add(filter string, e *entry[S]) (replaced bool) {
	path, hash := end(filter)
	for path != "" {
		level, rest := pop(path)
		c := n.child(level)
		if c == nil {
			c = &node[S]{path: behind(filter, path, hash)}
			c.list(hash).put(e)
			n.put(level, c)
			return false
		}
		tail := c.path[len(level):]
		k := common(tail, rest)
		if k < len(tail) {
			c = c.part(len(level) + k)
			n.put(level, c)
		}
		n, path = c, rest[k:]
	}
	return n.list(hash).put(e)
}

// behind is the part of filter that path stands for, without the first slash.
func behind(filter, path string, hash bool) string {
	if hash {
		filter = strings.TrimSuffix(filter, "/#")
	}
	return filter[len(filter)-len(path)+1:]
}

// part is two nodes instead of n, of which the first has the path up to k.
func (n *node[S]) part(k int) *node[S] {
	upper := &node[S]{path: strings.Clone(n.path[:k])}
	level, _ := pop(n.path[k:])
	upper.put(level, n.as(strings.Clone(n.path[k+1:])))
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
	path, hash := end(filter)
	return n.discard(path, hash, id)
}

func (n *node[S]) discard(path string, hash bool, id uint64) (found bool) {
	if path == "" {
		found = n.list(hash).remove(id)
		n.trim()
		return found
	}
	level, rest := pop(path)
	c := n.child(level)
	if c == nil {
		return false
	}
	tail := c.path[len(level):]
	if common(tail, rest) < len(tail) {
		return false
	}
	if !c.discard(rest[len(tail):], hash, id) {
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

// list is where the subscriptions are whose filter ends at n, or goes on with #.
func (n *node[S]) list(hash bool) *lists[S] {
	if hash {
		return &n.more().hash
	}
	return &n.exact
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
