package wire

import "encoding/binary"

// Reader reads fields off the front of a packet. It is a value, which a read gives
// back behind what it has read: that way it stays in registers. After the first
// fault every read gives a zero value, so a decoder is one straight line of reads
// with a single check at its end.
//
// What it returns aliases the packet, and is capped so that an append to it
// cannot run on into the next field.
type Reader struct {
	b     []byte
	fault *Fault
}

// NewReader reads from b.
func NewReader(b []byte) Reader { return Reader{b: b} }

// Len is how many bytes are left.
func (r Reader) Len() int { return len(r.b) }

// Left is the bytes that are left, without reading them.
func (r Reader) Left() []byte { return r.b }

// Skip drops the next n bytes, which must be there.
func (r Reader) Skip(n int) Reader { return Reader{r.b[n:], r.fault} }

// Fail records f, unless there is a fault already, and drops what is left.
func (r Reader) Fail(f *Fault) Reader {
	if r.fault != nil {
		f = r.fault
	}
	return Reader{fault: f}
}

// Refuse fails with f when bad.
func (r Reader) Refuse(bad bool, f *Fault) Reader {
	if bad {
		return r.Fail(f)
	}
	return r
}

// Done is the check at the end: the first fault, or Surplus if bytes are left
// over, or nil.
func (r Reader) Done() *Fault {
	if r.fault == nil && len(r.b) != 0 {
		return Surplus
	}
	return r.fault
}

// Block is a Reader of the next bytes, as many as a variable byte integer says: a
// property block, section 2.2.2. Its fault goes back with Join.
func (r Reader) Block() (block, rest Reader) {
	n, r := r.VarInt()
	if int(n) > len(r.b) {
		r = r.Fail(Short)
		return r, r
	}
	return Reader{r.b[:n:n], r.fault}, Reader{r.b[n:], r.fault}
}

// Join takes over the fault of a Block that has been read.
func (r Reader) Join(block Reader) Reader {
	if block.fault != nil {
		return block
	}
	return r
}

// U8 reads a byte.
func (r Reader) U8() (byte, Reader) {
	if len(r.b) < 1 {
		return 0, r.Fail(Short)
	}
	return r.b[0], Reader{r.b[1:], r.fault}
}

// U16 reads a two byte integer, section 1.5.2.
func (r Reader) U16() (uint16, Reader) {
	if len(r.b) < 2 {
		return 0, r.Fail(Short)
	}
	return binary.BigEndian.Uint16(r.b), Reader{r.b[2:], r.fault}
}

// U32 reads a four byte integer, section 1.5.3.
func (r Reader) U32() (uint32, Reader) {
	if len(r.b) < 4 {
		return 0, r.Fail(Short)
	}
	return binary.BigEndian.Uint32(r.b), Reader{r.b[4:], r.fault}
}

// VarInt reads a variable byte integer, section 1.5.5. More than four bytes, and
// more than the value needs, are faults [MQTT-1.5.5-1].
func (r Reader) VarInt() (uint32, Reader) {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		return uint32(r.b[0]), Reader{r.b[1:], r.fault}
	}
	return r.longVarInt()
}

func (r Reader) longVarInt() (uint32, Reader) {
	var v uint32
	for i, c := range r.b {
		if i == 4 {
			return 0, r.Fail(VarIntLong)
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c == 0 {
			return 0, r.Fail(VarIntPadded)
		}
		if c < 0x80 {
			return v, Reader{r.b[i+1:], r.fault}
		}
	}
	return 0, r.Fail(Short)
}

// Rest reads all that is left.
func (r Reader) Rest() ([]byte, Reader) {
	return r.b[:len(r.b):len(r.b)], Reader{fault: r.fault}
}

// Binary reads binary data, section 1.5.6.
func (r Reader) Binary() ([]byte, Reader) {
	if len(r.b) < 2 {
		return nil, r.Fail(Short)
	}
	n := 2 + int(binary.BigEndian.Uint16(r.b))
	if n > len(r.b) {
		return nil, r.Fail(Short)
	}
	return r.b[2:n:n], Reader{r.b[n:], r.fault}
}

// Text reads a UTF-8 encoded string, section 1.5.4, as it is: U+FEFF is a
// character [MQTT-1.5.4-3].
func (r Reader) Text() ([]byte, Reader) {
	b := r.b
	if len(b) < 2 {
		return nil, r.Fail(Short)
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if n > len(b) {
		return nil, r.Fail(Short)
	}
	if n < 10 {
		if len(b) < 10 || !plainFirst(b[2:], uint(n)-2) {
			return r.oddText(n)
		}
		return b[2:n:n], Reader{b[n:], r.fault}
	}
	v := b[2:n:n]
	for w := v; len(w) > 8; w = w[8:] {
		if !plain8(binary.LittleEndian.Uint64(w)) {
			return r.oddText(n)
		}
	}
	if !plain8(binary.LittleEndian.Uint64(v[len(v)-8:])) {
		return r.oddText(n)
	}
	return v, Reader{b[n:], r.fault}
}

// oddText is Text for the few that take a second look, up to n.
func (r Reader) oddText(n int) ([]byte, Reader) {
	v := r.b[2:n:n]
	if f := CheckText(v); f != nil {
		return nil, r.Fail(f)
	}
	return v, Reader{r.b[n:], r.fault}
}

// Pair reads over a UTF-8 string pair, section 1.5.7, and checks it [MQTT-1.5.7-1].
func (r Reader) Pair() Reader {
	_, r = r.Text()
	_, r = r.Text()
	return r
}
