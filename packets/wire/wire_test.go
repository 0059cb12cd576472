package wire

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestVarInt: the limits of table 1-1 of section 1.5.5.
func TestVarInt(t *testing.T) {
	for _, c := range []struct {
		value uint32
		bytes string
	}{
		{0, "\x00"},
		{127, "\x7f"},
		{128, "\x80\x01"},
		{16383, "\xff\x7f"},
		{16384, "\x80\x80\x01"},
		{2097151, "\xff\xff\x7f"},
		{2097152, "\x80\x80\x80\x01"},
		{MaxVarInt, "\xff\xff\xff\x7f"},
	} {
		if got := AppendVarInt(nil, c.value); string(got) != c.bytes || SizeVarInt(c.value) != len(got) {
			t.Errorf("%d is written as % x, want % x", c.value, got, c.bytes)
		}
		r := NewReader([]byte(c.bytes + "!"))
		got, r := r.VarInt()
		if got != c.value || r.Len() != 1 {
			t.Errorf("% x is read as %d, want %d; %d bytes left, want 1", c.bytes, got, c.value, r.Len())
		}
	}
	for _, c := range []struct {
		bytes string
		fault *Fault
	}{
		{"", Short},
		{"\x80", Short},
		{"\xff\xff\xff", Short},
		{"\x80\x00", VarIntPadded},
		{"\xff\x80\x80\x00", VarIntPadded},
		{"\xff\xff\xff\xff\x01", VarIntLong},
		{"\x80\x80\x80\x80\x00", VarIntLong},
	} {
		r := NewReader([]byte(c.bytes))
		if got, r := r.VarInt(); got != 0 || r.Done() != c.fault {
			t.Errorf("% x is read as %d with %v, want %v", c.bytes, got, r.Done(), c.fault)
		}
	}
}

// TestText: what package utf8 and a search for U+0000 say, whatever stands where.
func TestText(t *testing.T) {
	parts := []string{"", "a", "\x7f", "\x00", "\x80", "\xc3\xa9", "\xed\xa0\x80", "\xef\xbb\xbf", "\xf0\x9f\x8f\xb9", "\xff", "\x01"}
	for n := range 20 {
		for _, part := range parts {
			for at := range n + 1 {
				v := []byte(strings.Repeat("x", at) + part + strings.Repeat("y", n-at))
				var want *Fault
				switch {
				case bytes.IndexByte(v, 0) >= 0:
					want = NUL
				case !utf8.Valid(v):
					want = NotUTF8
				}
				if got := CheckText(v); got != want {
					t.Fatalf("%q: %v, want %v", v, got, want)
				}
				r := NewReader(AppendBinary(nil, v))
				if got, r := r.Text(); r.Done() != want || want == nil && !bytes.Equal(got, v) {
					t.Fatalf("%q: read as %q with %v, want %v", v, got, r.Done(), want)
				}
				for _, behind := range []string{"\x00", "\xff23456789", "\x0023456789"} {
					r := NewReader(append(AppendBinary(nil, v), behind...))
					got, r := r.Text()
					if left, r := r.Rest(); r.Done() != want || want == nil && (!bytes.Equal(got, v) || string(left) != behind) {
						t.Fatalf("%q: read as %q with %v, want %v; %q behind it, want %q", v, got, r.Done(), want, left, behind)
					}
				}
			}
		}
	}
	if got := CheckText(make([]byte, MaxField+1)); got != TooLong {
		t.Errorf("65 536 bytes: %v, want %v", got, TooLong)
	}
}

// TestReaderStaysFailed: after a fault every read gives nothing, and the first
// fault is the one that counts.
func TestReaderStaysFailed(t *testing.T) {
	v, r := NewReader([]byte{0, 5, 'a'}).Binary()
	if v != nil {
		t.Errorf("a binary of 5 bytes from 1: %q", v)
	}
	for name, read := range map[string]func() (uint32, Reader){
		"U8":     func() (uint32, Reader) { v, r := r.U8(); return uint32(v), r },
		"U16":    func() (uint32, Reader) { v, r := r.U16(); return uint32(v), r },
		"U32":    r.U32,
		"VarInt": r.VarInt,
		"Rest":   func() (uint32, Reader) { v, r := r.Rest(); return uint32(len(v)), r },
		"Text":   func() (uint32, Reader) { v, r := r.Text(); return uint32(len(v)), r },
		"Pair":   func() (uint32, Reader) { return 0, r.Pair() },
		"Fail":   func() (uint32, Reader) { return 0, r.Fail(NUL) },
	} {
		if v, r := read(); v != 0 || r.Len() != 0 || r.Done() != Short {
			t.Errorf("%s of a failed Reader: %d, %d bytes left, fault %v, want the first, %v", name, v, r.Len(), r.Done(), Short)
		}
	}
}

// TestReaderSurplus: bytes left over are a fault, if there is no other.
func TestReaderSurplus(t *testing.T) {
	_, r := NewReader([]byte{1, 2}).U8()
	if r.Done() != Surplus {
		t.Errorf("one byte left: %v", r.Done())
	}
	if _, r = r.U8(); r.Done() != nil {
		t.Errorf("none left: %v", r.Done())
	}
}

// TestBlock: a block ends where its length says, and its fault is that of the packet.
func TestBlock(t *testing.T) {
	b, r := NewReader([]byte{2, 7, 8, 9}).Block()
	v, b := b.U16()
	if v != 0x0708 || b.Len() != 0 || r.Len() != 1 {
		t.Errorf("a block of two bytes: %#x, %d bytes left, %d behind it", v, b.Len(), r.Len())
	}
	_, b = b.U8()
	if r = r.Join(b); r.Done() != Short {
		t.Errorf("%v, want %v", r.Done(), Short)
	}
	b, r = NewReader([]byte{3, 7}).Block()
	if b.Len() != 0 || b.Done() != Short || r.Done() != Short {
		t.Errorf("a block that is longer than the packet: %d bytes, %v, %v behind it", b.Len(), b.Done(), r.Done())
	}
}
