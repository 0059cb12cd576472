package broker

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// A set of filters against a map.
func TestFiltersAgainstOracle(t *testing.T) {
	var s filters
	want := make(map[string]bool)
	for range 10_000 {
		f := strconv.Itoa(rand.IntN(3 * fewFilters))
		switch {
		case s.has(f) != want[f]:
			t.Fatalf("has %s: %t", f, s.has(f))
		case want[f]:
			if !s.remove(f) || s.remove(f) {
				t.Fatalf("remove %s", f)
			}
			delete(want, f)
		default:
			s.add(f)
			want[f] = true
		}
		if got := slices.Sorted(s.all()); s.len() != len(want) || !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("%d: %q, want %v", s.len(), got, want)
		}
	}
}
