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
	r := NewReader([]byte{0, 5, 'a'})
	if v := r.Binary(); v != nil {
		t.Errorf("a binary of 5 bytes from 1: %q", v)
	}
	if r.U8() != 0 || r.U16() != 0 || r.U32() != 0 || r.VarInt() != 0 || len(r.Rest()) != 0 || r.Text() != nil || r.Len() != 0 {
		t.Error("a failed Reader gives something")
	}
	r.Fail(NUL)
	if r.Done() != Short {
		t.Errorf("fault %v, want the first, %v", r.Done(), Short)
	}
}

// TestReaderSurplus: bytes left over are a fault, if there is no other.
func TestReaderSurplus(t *testing.T) {
	r := NewReader([]byte{1, 2})
	r.U8()
	if r.Done() != Surplus {
		t.Errorf("one byte left: %v", r.Done())
	}
	r.U8()
	if r.Done() != nil {
		t.Errorf("none left: %v", r.Done())
	}
}

// TestBlock: a block ends where its length says, and its fault is that of the packet.
func TestBlock(t *testing.T) {
	r := NewReader([]byte{2, 7, 8, 9})
	b := r.Block()
	if b.U16() != 0x0708 || b.Len() != 0 || b.U8() != 0 {
		t.Error("a block of two bytes has more or less than two")
	}
	r.Join(&b)
	if r.Done() != Short {
		t.Errorf("%v, want %v", r.Done(), Short)
	}
	r = NewReader([]byte{3, 7})
	b = r.Block()
	if b.Len() != 0 || b.Done() != Short {
		t.Errorf("a block that is longer than the packet: %d bytes, %v", b.Len(), b.Done())
	}
}
