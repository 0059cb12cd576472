package wire

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"
)

// CheckText reports what keeps v from being a UTF-8 encoded string of the
// standard: its length, its encoding [MQTT-1.5.4-1] or a U+0000 [MQTT-1.5.4-2].
func CheckText(v []byte) *Fault {
	switch {
	case len(v) > MaxField:
		return TooLong
	case plainText(v):
		return nil
	case bytes.IndexByte(v, 0) >= 0:
		return NUL
	case !utf8.Valid(v):
		return NotUTF8
	}
	return nil
}

// CheckBinary reports whether v is too long to be a field.
func CheckBinary(v []byte) *Fault {
	if len(v) > MaxField {
		return TooLong
	}
	return nil
}

const (
	lows  = 0x0101010101010101 // the lowest bit of each of eight bytes
	highs = 0x8080808080808080 // the highest
)

// plainText reports whether all of v is from U+0001 to U+007F, which is all but
// a few of the texts there are: several bytes at a time, the last of them twice
// where their number is odd, and no second look.
func plainText(v []byte) bool {
	n := len(v)
	if n < 4 {
		for _, c := range v {
			if c-1 >= 0x7f {
				return false
			}
		}
		return true
	}
	if n < 8 {
		return plain8(uint64(binary.LittleEndian.Uint32(v)) | uint64(binary.LittleEndian.Uint32(v[n-4:]))<<32)
	}
	for i := 0; i < n-8; i += 8 {
		if !plain8(binary.LittleEndian.Uint64(v[i:])) {
			return false
		}
	}
	return plain8(binary.LittleEndian.Uint64(v[n-8:]))
}

// plain8 is plainText of eight bytes: x-lows borrows from above a byte that is
// zero, and so sets its highest bit.
func plain8(x uint64) bool { return (x|(x-lows))&highs == 0 }

// plainFirst is plainText of the first n, fewer than eight, of the bytes of v, which
// has eight at least.
func plainFirst(v []byte, n uint) bool {
	behind := ^uint64(0) << (8 * n & 63)
	return plain8(binary.LittleEndian.Uint64(v)&^behind | lows&behind)
}
