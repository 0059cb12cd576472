package topics

import (
	"strings"
	"sync"
)

// Retained holds one message for each topic name. Any number of goroutines may
// use it. The zero Retained is empty.
type Retained[M comparable] struct {
	mu   sync.RWMutex
	root leaf[M]
	n    int
}

// leaf is a level of topic names.
type leaf[M comparable] struct {
	children map[string]*leaf[M]
	message  M
	set      bool // message is there
}

// Set puts m in the place of what topic had, and gives that back.
func (r *Retained[M]) Set(topic []byte, m M) (old M, replaced bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := &r.root
	for more := true; more; {
		var level []byte
		level, topic, more = cut(topic)
		c := l.children[string(level)]
		if c == nil {
			if l.children == nil {
				l.children = make(map[string]*leaf[M])
			}
			c = new(leaf[M])
			l.children[string(level)] = c
		}
		l = c
	}
	old, replaced = l.message, l.set
	l.message, l.set = m, true
	if !replaced {
		r.n++
	}
	return old, replaced
}

// Remove takes out what topic has, and gives it back.
func (r *Retained[M]) Remove(topic []byte) (old M, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.remove(topic, nil)
}

// RemoveThis takes out m, unless topic has another message by now.
func (r *Retained[M]) RemoveThis(topic []byte, m M) (found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, found = r.remove(topic, &m)
	return found
}

func (r *Retained[M]) remove(topic []byte, only *M) (old M, found bool) {
	if old, found = r.root.remove(topic, true, only); found {
		r.n--
	}
	return old, found
}

// remove takes out the message of the levels in topic, and the leaves on the way
// that nothing is left of.
func (l *leaf[M]) remove(topic []byte, more bool, only *M) (old M, found bool) {
	if !more {
		if !l.set || only != nil && *only != l.message {
			return old, false
		}
		old, l.message, l.set = l.message, old, false
		return old, true
	}
	level, rest, more := cut(topic)
	c := l.children[string(level)]
	if c == nil {
		return old, false
	}
	old, found = c.remove(rest, more, only)
	if !c.set && len(c.children) == 0 {
		delete(l.children, string(level))
	}
	return old, found
}

// Len is the number of messages.
func (r *Retained[M]) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.n
}

// Match calls visit for each message whose topic name filter matches, in no
// order. No message is replaced or removed meanwhile, so visit can take a
// reference; it must not call a method of r.
func (r *Retained[M]) Match(filter string, visit func(M)) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	r.root.match(filter, true, true, visit)
}

// match visits what the levels in filter match. At the top, names that begin
// with $ are passed over by wildcards [MQTT-4.7.2-1] [MQTT3-4.7.2-1].
func (l *leaf[M]) match(filter string, more, top bool, visit func(M)) {
	if !more {
		if l.set {
			visit(l.message)
		}
		return
	}
	level, rest, more := strings.Cut(filter, "/")
	switch level {
	case "#":
		l.all(top, visit)
	case "+":
		for name, c := range l.children {
			if !top || !strings.HasPrefix(name, "$") {
				c.match(rest, more, false, visit)
			}
		}
	default:
		if c := l.children[level]; c != nil {
			c.match(rest, more, false, visit)
		}
	}
}

// all visits the message of l and of all below.
func (l *leaf[M]) all(top bool, visit func(M)) {
	if l.set {
		visit(l.message)
	}
	for name, c := range l.children {
		if !top || !strings.HasPrefix(name, "$") {
			c.all(false, visit)
		}
	}
}
