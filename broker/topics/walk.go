package topics

import (
	"slices"
	"strings"
	"time"
)

// want is a level of a filter.
type want struct {
	level      string
	prefix     uint64
	plus, hash bool
}

func appendWants(all []want, filter string) []want {
	for more := true; more; {
		var level string
		level, filter, more = strings.Cut(filter, "/")
		all = append(all, want{level: level, prefix: prefix(level), plus: level == "+", hash: level == "#"})
	}
	return all
}

// walk goes through items in order. A level comes before all that are longer, or
// stand behind it.
type walk[M any] struct {
	visit func(M, time.Time) bool
	of    *Retained[M]
	now   time.Duration // since of began
	left  int           // items to look at
	names []string      // paths from the last item up, when it has to stop
}

// name is that of the last item.
func (w *walk[M]) name() string {
	slices.Reverse(w.names)
	return strings.Join(w.names, "/")
}

// below goes through what wants match among the children of x, behind after, which
// is levels, each behind a slash, or none. It is false when it has to stop.
func (w *walk[M]) below(x *item[M], wants []want, after string) bool {
	if x.children == nil || len(wants) == 0 {
		return true
	}
	first := &wants[0]
	from := ""
	if after != "" {
		from, _ = pop(after)
	}
	if !first.plus && !first.hash {
		c := x.children.find(first.prefix, first.level)
		return c == nil || w.enter(c, wants, after)
	}
	part, i := x.children.search(prefix(from), from)
	for _, p := range x.children.parts[part:] {
		for _, c := range p[i:] {
			if x.parent == nil && c.item.path != "" && c.item.path[0] == '$' { // [MQTT-4.7.2-1] [MQTT3-4.7.2-1]
				continue
			}
			if !w.enter(c.item, wants, after) {
				return false
			}
			after = ""
		}
		i = 0
	}
	return true
}

// enter goes through x and below it, if the first of wants matches its path.
func (w *walk[M]) enter(x *item[M], wants []want, after string) bool {
	passed := false // x is not behind after
	path := x.path
	for more := true; more; {
		var level string
		level, path, more = strings.Cut(path, "/")
		switch {
		case len(wants) == 0:
			return true
		case wants[0].hash:
		case !wants[0].plus && wants[0].level != level:
			return true
		default:
			wants = wants[1:]
		}
		if passed = false; after != "" {
			from, rest := pop(after)
			if level < from {
				return true
			}
			after = ""
			if passed = level == from; passed {
				after = rest
			}
		}
	}
	ends := len(wants) == 0 || wants[0].hash // # is the parent level, too, section 4.7.1.2
	if (passed || w.look(x, ends)) && w.below(x, wants, after) {
		return true
	}
	w.names = append(w.names, x.path)
	return false
}

// look visits the message of x, if there is one and the filter ends here. It is
// false when it has to stop.
func (w *walk[M]) look(x *item[M], ends bool) bool {
	alive := x.bytes > 0 && (x.expires == 0 || w.now < x.expires)
	if ends && alive && !w.visit(x.message, w.of.at(x.expires)) {
		return false
	}
	w.left--
	return w.left > 0
}

// pop takes the first level off levels that stand behind a slash each.
func pop(path string) (level, rest string) {
	path = path[1:]
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}
