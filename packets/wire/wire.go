// Package wire has the primitive types of section 1.5: append functions that
// never fail, and a Reader that fails once and stays failed.
package wire

import "encoding/binary"

// MaxVarInt is the largest value of a variable byte integer, section 1.5.5. It
// is also the largest Remaining Length of a packet.
const MaxVarInt = 1<<28 - 1

// MaxField is the most bytes a text or a binary field can have, sections 1.5.4
// and 1.5.6.
const MaxField = 1<<16 - 1

// Fault is a way to break the standard that one packet alone can show: the
// reason code to answer with, and the statement that is broken. A statement is
// its number ("1.5.4-1") or a section ("§4.13.1"); it is empty in a standard
// that does not have it.
type Fault struct {
	Reason byte
	V3     string // of MQTT 3.1.1
	V5     string // of MQTT 5.0
	Doc    string
}

// Error is what is wrong, in words.
func (f *Fault) Error() string { return f.Doc }

// AppendU16 appends v, section 1.5.2.
func AppendU16(b []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(b, v) }

// AppendU32 appends v, section 1.5.3.
func AppendU32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

// AppendVarInt appends v, at most MaxVarInt, in the fewest bytes [MQTT-1.5.5-1].
func AppendVarInt(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// SizeVarInt is how many bytes AppendVarInt appends.
func SizeVarInt(v uint32) int {
	switch {
	case v < 1<<7:
		return 1
	case v < 1<<14:
		return 2
	case v < 1<<21:
		return 3
	}
	return 4
}

// AppendBinary appends v, at most MaxField bytes, behind its length, section
// 1.5.6. A text is written in the same way, section 1.5.4.
func AppendBinary(b, v []byte) []byte {
	return append(append(b, byte(len(v)>>8), byte(len(v))), v...)
}
