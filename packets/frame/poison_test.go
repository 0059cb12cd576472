//go:build race

package frame

import (
	"bytes"
	"testing"
)

func TestReleasedMemoryIsPoisoned(t *testing.T) {
	f := Copy([]byte("payload"))
	view := f.Bytes()
	f.Release()
	Copy([]byte("another")).Release()
	if want := bytes.Repeat([]byte{0xDB}, 7); !bytes.Equal(view, want) {
		t.Errorf("the view shows %x", view)
	}
}

func TestAssembledBodyIsPoisoned(t *testing.T) {
	stream := publishes(300)
	var s Splitter
	s.Feed(stream[:100])
	s.Next()
	s.Feed(stream[100:])
	_, body, _ := s.Next()
	s.Next()
	if !bytes.Equal(body, bytes.Repeat([]byte{0xDB}, 300)) {
		t.Errorf("the view shows %x", body)
	}
}

func TestReaderPoisons(t *testing.T) {
	r := NewReader(bytes.NewReader(publishes(10)))
	defer r.Reset(nil)
	_, body, _ := r.Next()
	r.Next()
	if !bytes.Equal(body, bytes.Repeat([]byte{0xDB}, 10)) {
		t.Errorf("the view shows %x", body)
	}
}
