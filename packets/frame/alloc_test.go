//go:build !race

package frame

import (
	"slices"
	"testing"
)

func TestSplitterDoesNotAllocate(t *testing.T) {
	stream := publishes(0, 100, 300, 20000)
	for _, size := range []int{len(stream), 7000, 64, 1} {
		pieces := slices.Collect(slices.Chunk(stream, size))
		var s Splitter
		if n := testing.AllocsPerRun(100, func() {
			count := 0
			for _, piece := range pieces {
				s.Feed(piece)
				for ok := true; ok; {
					if _, _, ok = s.Next(); ok {
						count++
					}
				}
			}
			if count != 4 {
				t.Errorf("%d packets", count)
			}
		}); n != 0 {
			t.Errorf("pieces of %d bytes: %v allocations", size, n)
		}
	}
}

func TestReaderDoesNotAllocate(t *testing.T) {
	sizes := []int{0, 100, 300, 20000}
	r := NewReader(&loopReader{b: publishes(sizes...)})
	if n := testing.AllocsPerRun(100, func() {
		for _, size := range sizes {
			if _, body, err := r.Next(); err != nil || len(body) != size {
				t.Fatal(len(body), err)
			}
		}
		r.Park()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
