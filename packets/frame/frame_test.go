package frame

import (
	"bytes"
	"sync"
	"testing"
)

func panics(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s does not panic", what)
		}
	}()
	f()
}

func TestFrame(t *testing.T) {
	for _, size := range []int{0, 1, 127, 128, 129, 4096, 1 << 20, 1<<20 + 1} {
		f := New(size)
		b := f.Bytes()
		if len(b) != size || cap(b) != size {
			t.Errorf("New(%d): %d bytes, capacity %d", size, len(b), cap(b))
		}
		f.Release()
	}
	src := []byte("payload")
	f := Copy(src)
	defer f.Release()
	src[0] = 'X'
	if string(f.Bytes()) != "payload" {
		t.Errorf("copy is %q", f.Bytes())
	}
}

func TestFrameLivesUntilLastRelease(t *testing.T) {
	f := Copy([]byte("payload"))
	f.Retain()
	f.Release()
	if string(f.Bytes()) != "payload" {
		t.Errorf("with a reference left it is %q", f.Bytes())
	}
	f.Release()
	panics(t, "Bytes after the last Release", func() { f.Bytes() })
}

func TestFrameReleasedTooOften(t *testing.T) {
	f := New(1)
	f.Release()
	panics(t, "a second Release", f.Release)
	f = New(1)
	f.Release()
	panics(t, "Retain after the last Release", f.Retain)
}

// Receivers read and release while others still retain.
func TestFrameShared(t *testing.T) {
	const receivers = 8
	want := bytes.Repeat([]byte("x"), 1000)
	for range 50 {
		f := Copy(want)
		var wg sync.WaitGroup
		for range receivers {
			f.Retain()
			wg.Go(func() {
				defer f.Release()
				if !bytes.Equal(f.Bytes(), want) {
					t.Error("changed while in use")
				}
			})
		}
		f.Release()
		wg.Wait()
		panics(t, "one Release more", f.Release)
	}
}

func TestHugeBufferIsNotPooled(t *testing.T) {
	const huge = 1<<20 + 1
	f := New(huge)
	view := f.Bytes() // as long as it is in use, nobody else can have got this address
	f.Release()
	f = New(huge)
	defer f.Release()
	if &view[0] == &f.Bytes()[0] {
		t.Error("a huge buffer came back")
	}
}

// A small frame in a long queue must not hold a large buffer.
func TestSmallFrameGetsSmallBuffer(t *testing.T) {
	for range 10 {
		New(1 << 20).Release()
	}
	for _, size := range []int{1, 100, 129, 5000} {
		f := New(size)
		if c := cap(f.b); c >= 2*max(size, 128) {
			t.Errorf("%d bytes in a buffer of %d", size, c)
		}
		f.Release()
	}
}

// Where the pool stops to be right, after its first calibration, too.
func TestPoolKeepsItsClasses(t *testing.T) {
	for range 50_000 {
		New(1000).Release()
	}
	f := New(1000)
	defer f.Release()
	if c := cap(f.b); c != 1024 {
		t.Errorf("capacity %d", c)
	}
}
