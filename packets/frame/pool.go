package frame

import (
	"math/bits"
	"sync"
)

// Frames are pooled with their memory, by its capacity, a power of two. One pool for
// all would hand a megabyte to who needs a hundred bytes, and keeps it for as long as
// they are queued. What is larger than the largest class is left to the collector.
const (
	minClass = 7  // 128 B
	maxClass = 20 // 1 MiB
)

var pools [maxClass - minClass + 1]sync.Pool

// class is the index of the pool whose frames hold n bytes; there may be none.
func class(n int) int {
	return max(bits.Len(uint(max(n, 1)-1)), minClass) - minClass
}

// get is a Frame that is empty, with room for n bytes.
func get(n int) *Frame {
	c := class(n)
	if c >= len(pools) {
		return &Frame{b: make([]byte, 0, n)}
	}
	if f, ok := pools[c].Get().(*Frame); ok {
		return f
	}
	return &Frame{b: make([]byte, 0, 1<<(c+minClass))}
}

// put takes back what get gave.
func put(f *Frame) {
	f.b = f.b[:cap(f.b)]
	poison(f.b)
	if raceEnabled {
		f.b = nil
		return
	}
	c := class(len(f.b))
	if f.b = f.b[:0]; c < len(pools) {
		pools[c].Put(f)
	}
}

// poison makes a view of b that is used too late look wrong.
func poison(b []byte) {
	if raceEnabled {
		for i := range b {
			b[i] = 0xDB
		}
	}
}
