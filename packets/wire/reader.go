package wire

import "encoding/binary"

// Reader reads fields off the front of a packet. After the first fault every
// read gives a zero value, so a decoder is one straight line of reads with a
// single check at its end.
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
func (r *Reader) Len() int { return len(r.b) }

// Left is the bytes that are left, without reading them.
func (r *Reader) Left() []byte { return r.b }

// Skip drops the next n bytes, which must be there.
func (r *Reader) Skip(n int) { r.b = r.b[n:] }

// Fail records f, unless there is a fault already, and drops what is left.
func (r *Reader) Fail(f *Fault) {
	if r.fault == nil {
		r.fault = f
	}
	r.b = nil
}

// Refuse fails with f when bad.
func (r *Reader) Refuse(bad bool, f *Fault) {
	if bad {
		r.Fail(f)
	}
}

// Done is the check at the end: the first fault, or Surplus if bytes are left
// over, or nil.
func (r *Reader) Done() *Fault {
	if r.fault == nil && len(r.b) != 0 {
		return Surplus
	}
	return r.fault
}

// Block is a Reader of the next bytes, as many as a variable byte integer says:
// a property block, section 2.2.2. Its fault goes back with Join.
func (r *Reader) Block() Reader {
	n := r.VarInt()
	return Reader{b: r.take(int(n)), fault: r.fault}
}

// Join takes over the fault of a Block that has been read.
func (r *Reader) Join(block *Reader) {
	if block.fault != nil {
		r.Fail(block.fault)
	}
}

// U8 reads a byte.
func (r *Reader) U8() byte {
	if len(r.b) < 1 {
		r.Fail(Short)
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// U16 reads a two byte integer, section 1.5.2.
func (r *Reader) U16() uint16 {
	if len(r.b) < 2 {
		r.Fail(Short)
		return 0
	}
	v := binary.BigEndian.Uint16(r.b)
	r.b = r.b[2:]
	return v
}

// U32 reads a four byte integer, section 1.5.3.
func (r *Reader) U32() uint32 {
	if len(r.b) < 4 {
		r.Fail(Short)
		return 0
	}
	v := binary.BigEndian.Uint32(r.b)
	r.b = r.b[4:]
	return v
}

// VarInt reads a variable byte integer, section 1.5.5. More than four bytes, and
// more than the value needs, are faults [MQTT-1.5.5-1].
func (r *Reader) VarInt() uint32 {
	if len(r.b) > 0 && r.b[0] < 0x80 {
		v := r.b[0]
		r.b = r.b[1:]
		return uint32(v)
	}
	return r.longVarInt()
}

func (r *Reader) longVarInt() uint32 {
	var v uint32
	for i, c := range r.b {
		if i == 4 {
			r.Fail(VarIntLong)
			return 0
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c == 0 {
			r.Fail(VarIntPadded)
			return 0
		}
		if c < 0x80 {
			r.b = r.b[i+1:]
			return v
		}
	}
	r.Fail(Short)
	return 0
}

func (r *Reader) take(n int) []byte {
	if n > len(r.b) {
		r.Fail(Short)
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

// Rest reads all that is left.
func (r *Reader) Rest() []byte {
	v := r.b[:len(r.b):len(r.b)]
	r.b = nil
	return v
}

// Binary reads binary data, section 1.5.6.
func (r *Reader) Binary() []byte {
	if len(r.b) < 2 {
		r.Fail(Short)
		return nil
	}
	n := 2 + int(binary.BigEndian.Uint16(r.b))
	if n > len(r.b) {
		r.Fail(Short)
		return nil
	}
	v := r.b[2:n:n]
	r.b = r.b[n:]
	return v
}

// Text reads a UTF-8 encoded string, section 1.5.4, as it is: U+FEFF is a
// character [MQTT-1.5.4-3].
func (r *Reader) Text() []byte {
	v := r.Binary()
	if !plainText(v) {
		if f := CheckText(v); f != nil {
			r.Fail(f)
			return nil
		}
	}
	return v
}

// Pair reads over a UTF-8 string pair, section 1.5.7, and checks it.
func (r *Reader) Pair() {
	b := r.b
	if len(b) < 4 {
		r.Fail(Short)
		return
	}
	key := 2 + int(binary.BigEndian.Uint16(b))
	if len(b) < key+2 {
		r.Fail(Short)
		return
	}
	end := key + 2 + int(binary.BigEndian.Uint16(b[key:]))
	if len(b) < end {
		r.Fail(Short)
		return
	}
	r.b = b[end:]
	if !plainText(b[2:key]) || !plainText(b[key+2:end]) {
		r.checkPair(b[2:key], b[key+2:end])
	}
}

// checkPair is the second look at a pair [MQTT-1.5.7-1].
func (r *Reader) checkPair(key, value []byte) {
	for _, v := range [...][]byte{key, value} {
		if f := CheckText(v); f != nil {
			r.Fail(f)
		}
	}
}
