package packets

import (
	"strings"
	"testing"
)

// TestSimpleFilter: what is simple is right, and what is right is simple, but for a
// $ in front and what eight bytes at a time may take for a wildcard. Whatever stands
// where.
func TestSimpleFilter(t *testing.T) {
	var all []string
	var walk func(s string, n int)
	walk = func(s string, n int) {
		all = append(all, s)
		if n == 0 {
			return
		}
		for _, c := range `a/+#"*` {
			walk(s+string(c), n-1)
		}
	}
	walk("", 4)
	for _, s := range all {
		for n := range 10 {
			front := strings.Repeat("b", n)
			for _, f := range []string{front + s, s + front, front + s + "/level/+"} {
				simple, right := simpleFilter([]byte(f)), oracleFilter(f)
				if simple && !right || right && !simple && !strings.ContainsAny(s, `"*`) {
					t.Fatalf("%q is simple: %v, right: %v", f, simple, right)
				}
			}
		}
	}
	if simpleFilter([]byte("$share/a/b")) {
		t.Error("a shared filter is simple")
	}
}
