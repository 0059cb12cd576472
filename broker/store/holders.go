package store

import (
	"encoding/binary"
	"errors"
)

// A value that is shared begins with those who hold it: how many they are, and of
// each its number and what is noted about it. What follows is the same for all.

// Holder is one of those who hold a value that is shared.
type Holder struct {
	Number uint64
	Note   []byte
}

// AppendHolders begins a value.
func AppendHolders(dst []byte, holders []Holder) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(holders)))
	for _, h := range holders {
		dst = binary.AppendUvarint(dst, h.Number)
		dst = binary.AppendUvarint(dst, uint64(len(h.Note)))
		dst = append(dst, h.Note...)
	}
	return dst
}

var errHolders = errors.New("store: value does not begin with its holders")

// Holders appends those of value to dst, with views into value, and gives what
// follows them.
func Holders(dst []Holder, value []byte) (all []Holder, rest []byte, err error) {
	n, rest, ok := number(value)
	for ; ok && n > 0; n-- {
		var h Holder
		var size uint64
		if h.Number, rest, ok = number(rest); !ok {
			break
		}
		if size, rest, ok = number(rest); !ok || size > uint64(len(rest)) {
			return dst, nil, errHolders
		}
		h.Note, rest = rest[:size], rest[size:]
		dst = append(dst, h)
	}
	if !ok {
		return dst, nil, errHolders
	}
	return dst, rest, nil
}

func number(b []byte) (n uint64, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 {
		return 0, nil, false
	}
	return n, b[k:], true
}

// Without appends value to dst, without the holders for whom dropped is true, and
// gives how many are left.
func Without(dst, value []byte, dropped func(holder uint64) bool) (rest []byte, left int, err error) {
	var some [16]Holder
	all, body, err := Holders(some[:0], value)
	if err != nil {
		return nil, 0, err
	}
	stay := all[:0]
	for _, h := range all {
		if !dropped(h.Number) {
			stay = append(stay, h)
		}
	}
	return append(AppendHolders(dst, stay), body...), len(stay), nil
}
