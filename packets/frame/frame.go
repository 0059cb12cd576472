package frame

import "sync/atomic"

// Frame is bytes that are counted: New and Copy give the first reference, Retain
// adds one, Release gives one up. With the last one the memory goes back to a
// pool. Any number of goroutines may use a Frame, each with its own reference.
type Frame struct {
	b    []byte
	refs atomic.Int32
}

// New is a Frame of size bytes. What stands in them is not specified: fill them
// before anyone else gets a reference.
func New(size int) *Frame {
	f := get(size)
	f.b = f.b[:size]
	f.refs.Store(1)
	return f
}

// Copy is a Frame with a copy of b.
func Copy(b []byte) *Frame {
	f := New(len(b))
	copy(f.b, b)
	return f
}

// Bytes are the bytes of f. They are good until the caller releases its
// reference. It panics when there is none left.
func (f *Frame) Bytes() []byte {
	if f.refs.Load() <= 0 {
		panic("frame: Bytes after the last Release")
	}
	return f.b[:len(f.b):len(f.b)]
}

// Retain adds a reference. Only who has one may add one.
func (f *Frame) Retain() {
	if f.refs.Add(1) <= 1 {
		panic("frame: Retain after the last Release")
	}
}

// Release gives up a reference. It panics when there is none left, as long as
// nobody has got the same Frame from the pool again.
func (f *Frame) Release() {
	switch n := f.refs.Add(-1); {
	case n < 0:
		panic("frame: Release without a reference")
	case n == 0:
		put(f)
	}
}

// grow makes room for n bytes in all. Only for who has the one reference.
func (f *Frame) grow(n int) {
	if n <= cap(f.b) {
		return
	}
	larger := get(n)
	larger.b = append(larger.b, f.b...)
	f.b, larger.b = larger.b, f.b
	put(larger)
}

// is reports whether b is all of f, not merely equal to it.
func (f *Frame) is(b []byte) bool {
	return len(b) > 0 && len(b) == len(f.b) && &b[0] == &f.b[0]
}
