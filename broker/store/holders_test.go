package store

import (
	"bytes"
	"slices"
	"testing"
)

// Whatever is read as holders is written as the same holders, and without some of
// them it is those that stay, in their order, with the same rest.
func FuzzHolders(f *testing.F) {
	f.Add(AppendHolders(nil, nil), uint64(0))
	f.Add(append(AppendHolders(nil, []Holder{{Number: 1, Note: []byte("note")}, {Number: 300}}), "body"...), uint64(1))
	f.Add([]byte{1, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1, 'x'}, uint64(5)) // a note of 2^64-1 bytes
	f.Add([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1}, uint64(0))            // 2^64-1 holders
	f.Add([]byte{0x80}, uint64(0))                                                               // half a number
	f.Fuzz(func(t *testing.T, value []byte, gone uint64) {
		before := bytes.Clone(value)
		all, rest, err := Holders(nil, value)
		without, left, err2 := Without([]byte("> "), value, func(n uint64) bool { return n == gone })
		if !bytes.Equal(before, value) {
			t.Fatalf("%x has become %x", before, value)
		}
		if (err == nil) != (err2 == nil) {
			t.Fatalf("Holders: %v, Without: %v", err, err2)
		}
		if err != nil {
			return
		}
		again, same, err := Holders(nil, append(AppendHolders(nil, all), rest...))
		if err != nil || !bytes.Equal(same, rest) || !slices.EqualFunc(again, all, equal) {
			t.Fatalf("%v %x has become %v %x: %v", all, rest, again, same, err)
		}
		stay := slices.DeleteFunc(all, func(h Holder) bool { return h.Number == gone })
		if want := append(AppendHolders([]byte("> "), stay), rest...); left != len(stay) || !bytes.Equal(without, want) {
			t.Fatalf("without %d: %x and %d, want %x", gone, without, left, want)
		}
	})
}

func equal(a, b Holder) bool { return a.Number == b.Number && bytes.Equal(a.Note, b.Note) }
