package topics

import (
	"strings"
	"time"
)

// item is a place where the topic names of retained messages end, or part. As in
// the Tree, what has no other way to go is one item.
type item[M any] struct {
	path     string // levels, of which the first is that by which its parent knows it
	parent   *item[M]
	children *siblings[M] // nil if there are none
	message  M
	expires  time.Duration // since Retained.began, zero if never
	bytes    uint32        // zero if there is no message
	index    int32         // in expirer, if it expires
}

// level is the first of the path.
func (x *item[M]) level() string {
	level, _, _ := strings.Cut(x.path, "/")
	return level
}

// find is the item of topic below x, or nil.
func (x *item[M]) find(topic string) *item[M] {
	for {
		level, _, _ := strings.Cut(topic, "/")
		x = x.children.find(prefix(level), level)
		if x == nil {
			return nil
		}
		k := len(x.path)
		switch {
		case len(topic) < k || topic[:k] != x.path:
			return nil
		case len(topic) == k:
			return x
		case topic[k] != '/':
			return nil
		}
		topic = topic[k+1:]
	}
}

// insert is the item of topic below x, which it makes if need be. Its path is a part of
// topic: who has a message has that as well.
func (x *item[M]) insert(topic string) *item[M] {
	for {
		level, _, _ := strings.Cut(topic, "/")
		c := x.children.find(prefix(level), level)
		if c == nil {
			c = &item[M]{path: topic}
			x.adopt(c)
			return c
		}
		k := common(c.path, topic)
		if k < len(c.path) {
			c = c.part(k)
		}
		if k == len(topic) {
			c.path = topic
			return c
		}
		x, topic = c, topic[k+1:]
	}
}

// part puts an item above x that has the path up to k.
func (x *item[M]) part(k int) *item[M] {
	upper := &item[M]{path: strings.Clone(x.path[:k]), parent: x.parent}
	x.parent.children.replace(x, upper)
	x.path = x.path[k+1:]
	upper.adopt(x)
	return upper
}

// adopt makes x the parent of c.
func (x *item[M]) adopt(c *item[M]) {
	c.parent = x
	if x.children == nil {
		x.children = new(siblings[M])
	}
	x.children.insert(c)
}

// tidy takes out x if nothing is left of it, and makes one item of two that do not
// part any more. The topic name of a message that is gone is not kept for a path.
func (x *item[M]) tidy() {
	for x.parent != nil && x.bytes == 0 {
		if x.children == nil {
			parent := x.parent
			if parent.children.remove(x); len(parent.children.parts) == 0 {
				parent.children = nil
			}
			x = parent
			continue
		}
		if only := x.children.only(); only != nil {
			x.parent.children.replace(x, only)
			only.path, only.parent = x.path+"/"+only.path, x.parent
		} else {
			x.path = strings.Clone(x.path)
		}
		return
	}
}
