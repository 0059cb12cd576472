package frame

import (
	"math/bits"
	"sync/atomic"

	"github.com/valyala/bytebufferpool"
)

// Buffers are pooled by capacity, a power of two. One pool for all would hand a
// megabyte to who needs a hundred bytes, and keeps it for as long as they are
// queued. What is larger than the largest class is left to the collector.
const (
	minClass = 7  // 128 B
	maxClass = 20 // 1 MiB
)

var pools [maxClass - minClass + 1]struct {
	_ [0]atomic.Uint64 // aligns what Pool counts, on 32-bit systems too
	bytebufferpool.Pool
}

// class is the index of the pool whose buffers hold n bytes; there may be none.
func class(n int) int {
	return max(bits.Len(uint(max(n, 1)-1)), minClass) - minClass
}

// getBuffer is an empty buffer with room for n bytes.
func getBuffer(n int) *bytebufferpool.ByteBuffer {
	c := class(n)
	if c >= len(pools) {
		return &bytebufferpool.ByteBuffer{B: make([]byte, 0, n)}
	}
	b := pools[c].Get()
	if size := 1 << (c + minClass); cap(b.B) < size {
		b.B = make([]byte, 0, size)
	}
	return b
}

// putBuffer takes back what getBuffer gave.
func putBuffer(b *bytebufferpool.ByteBuffer) {
	b.B = b.B[:cap(b.B)] // the pool learns from this length which capacity to keep
	poison(b.B)
	if c := class(len(b.B)); c < len(pools) && !raceEnabled {
		pools[c].Put(b)
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
