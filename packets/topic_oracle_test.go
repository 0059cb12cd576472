package packets

import (
	"slices"
	"strings"
)

// oracleMatch is section 4.7 read aloud, level by level.
func oracleMatch(filter, topic string) bool {
	if rest, ok := strings.CutPrefix(filter, "$share/"); ok {
		_, filter, _ = strings.Cut(rest, "/")
	}
	if strings.HasPrefix(topic, "$") && strings.ContainsAny(filter[:1], "+#") {
		return false
	}
	var match func(f, t []string) bool
	match = func(f, t []string) bool {
		switch {
		case len(f) == 1 && f[0] == "#":
			return true // the parent and any number of child levels
		case len(f) == 0 || len(t) == 0:
			return len(f) == len(t)
		}
		return (f[0] == "+" || f[0] == t[0]) && match(f[1:], t[1:])
	}
	return match(strings.Split(filter, "/"), strings.Split(topic, "/"))
}

func oracleName(t string) bool {
	return t != "" && !strings.ContainsAny(t, "+#\x00")
}

func oracleFilter(f string) bool {
	levels := strings.Split(f, "/")
	if len(levels) > 1 && levels[0] == "$share" {
		if len(levels) < 3 || !oracleName(levels[1]) {
			return false
		}
		levels = levels[2:]
	}
	for i, level := range levels {
		switch {
		case level == "+", level == "#" && i == len(levels)-1:
		case strings.ContainsAny(level, "+#\x00"):
			return false
		}
	}
	return strings.Join(levels, "/") != ""
}

// paths are all sequences of up to depth levels that ok likes.
func paths(depth int, ok func(string) bool, levels ...string) []string {
	var all []string
	last := []string{""}
	for d := range depth {
		var next []string
		for _, p := range last {
			for _, l := range levels {
				if d > 0 {
					l = p + "/" + l
				}
				next = append(next, l)
			}
		}
		all = append(all, next...)
		last = next
	}
	return slices.DeleteFunc(all, func(p string) bool { return !ok(p) })
}

func testTopics(depth int) []string { return paths(depth, oracleName, "", "a", "b", "$x") }

func testFilters(depth int) []string {
	return paths(depth, oracleFilter, "", "a", "b", "$x", "+", "#")
}
