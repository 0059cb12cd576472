package frame

import (
	"bytes"
	"math/bits"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/wire"
)

// Splitter cuts packets out of a stream that arrives in pieces:
//
//	s.Feed(piece)
//	for {
//		first, body, ok := s.Next()
//		if !ok {
//			break
//		}
//		…
//	}
//	return s.Err()
//
// The zero Splitter is ready for use, by one goroutine at a time.
type Splitter struct {
	// Limit is the largest packet accepted, in bytes: all of it, fixed header
	// included, as Maximum Packet Size counts, section 3.2.2.3.6. Zero is no
	// limit but that of the protocol, 268 435 460.
	Limit uint32

	// Version is that of the connection, zero until a CONNECT has said it. A
	// change counts from the next packet on.
	Version packets.Version

	// From is who sends the packets, a client unless it says otherwise.
	From packets.Side

	// The packet that began in an earlier piece.
	n    uint8 // bytes in head, zero when there is no such packet
	head [5]byte
	need uint32 // size of its body, while held is not all of it
	held *Frame // what there is of its body, nil when there is nothing

	piece []byte // not yet cut
	err   error
}

// Feed goes on with piece, without copying it. The caller must not change piece
// until Next has returned false. It panics when something is left of the former
// piece; after an error it does nothing.
func (s *Splitter) Feed(piece []byte) {
	if len(s.piece) != 0 {
		panic("frame: Feed before Next was false")
	}
	if s.err == nil {
		s.piece = piece
	}
}

// Next gives the first byte and the body of the next packet, or false when there
// is no whole one: feed more, unless Err is not nil. The body is good until the
// next call of Next, Feed or Reset, and no longer than the piece.
func (s *Splitter) Next() (first byte, body []byte, ok bool) {
	if s.n != 0 {
		return s.resume()
	}
	if b := s.piece; len(b) >= 2 && b[1] < 0x80 { // the short way for small packets, which most are
		n := 2 + int(b[1])
		if n <= len(b) && (s.Limit == 0 || uint32(n) <= s.Limit) && packets.CheckFixedHeader(b[0], s.Version) == nil {
			s.piece = b[n:]
			return b[0], b[2:n:n], true
		}
	}
	n, size := s.header(s.piece)
	if n == 0 || len(s.piece)-n < size {
		s.cut(n, size)
		return 0, nil, false
	}
	head, body := s.piece[:n], s.piece[n:n+size:n+size]
	s.piece = s.piece[n+size:]
	return s.whole(head, body)
}

// Take makes body, which Next has given, the caller's own. It copies, unless
// body is all of a packet that came in several pieces. Views into body are as
// good as they were, but for that case: there they live as long as the Frame.
func (s *Splitter) Take(body []byte) *Frame {
	if s.held != nil && s.held.is(body) {
		f := s.held
		s.held, s.n = nil, 0
		return f
	}
	return Copy(body)
}

// Rest takes back what is left of the piece, for a caller that has to stop
// before Next is false. It can be fed again later.
func (s *Splitter) Rest() []byte {
	b := s.piece
	s.piece = nil
	return b
}

// Left is how many bytes of the piece are left.
func (s *Splitter) Left() int { return len(s.piece) }

// Empty reports whether s has no memory of anything but Limit, Version and From: no
// part of a packet has come, nor an error.
func (s *Splitter) Empty() bool { return s.n == 0 && len(s.piece) == 0 && s.err == nil }

// Err is what is wrong with the stream: a [*packets.BrokenError], or nil. There
// is no way on after an error.
func (s *Splitter) Err() error { return s.err }

// Reset gives back all memory and makes s ready for another stream. Limit and From
// stay, Version is zero again.
func (s *Splitter) Reset() {
	if s.held != nil {
		s.held.Release()
	}
	*s = Splitter{Limit: s.Limit, From: s.From}
}

// header checks the fixed header at the start of b as far as it is there. It
// gives its length, zero if it is not all there or broken, and that of the body.
func (s *Splitter) header(b []byte) (n, size int) {
	if len(b) == 0 {
		return 0, 0
	}
	if err := packets.CheckFixedHeader(b[0], s.Version); err != nil {
		return s.fail(err)
	}
	for n = 1; n < len(b); n++ {
		c := b[n]
		size |= int(c&0x7f) << (7 * (n - 1))
		switch {
		case c >= 0x80 && n == 4: // section 1.5.5
			return s.broken(b[0], wire.VarIntLong)
		case c >= 0x80:
			continue
		case c == 0 && n > 1 && s.Version == packets.V5: // [MQTT-1.5.5-1]
			return s.broken(b[0], wire.VarIntPadded)
		case s.Limit != 0 && uint32(n+1+size) > s.Limit && s.From == packets.Server: // [MQTT-3.1.2-24]
			return s.broken(b[0], wire.TooLargeForClient)
		case s.Limit != 0 && uint32(n+1+size) > s.Limit: // [MQTT-3.2.2-15]
			return s.broken(b[0], wire.TooLarge)
		}
		return n + 1, size
	}
	return 0, 0
}

func (s *Splitter) broken(first byte, f *wire.Fault) (n, size int) {
	return s.fail(packets.Broken(s.Version, packets.Type(first>>4), f))
}

func (s *Splitter) fail(err error) (n, size int) {
	s.err, s.piece, s.n = err, nil, 0
	return 0, 0
}

// resume goes on with the packet that is in head and held.
func (s *Splitter) resume() (first byte, body []byte, ok bool) {
	switch {
	case s.held == nil:
		return s.resumeHeader()
	case s.need == 0:
		s.settle()
		return s.Next()
	}
	have := len(s.held.b)
	k := min(int(s.need)-have, len(s.piece))
	s.held.grow(room(have+k, int(s.need)))
	s.held.b = append(s.held.b, s.piece[:k]...)
	s.piece = s.piece[k:]
	if have+k < int(s.need) {
		s.piece = nil
		return 0, nil, false
	}
	s.need = 0
	return s.whole(s.head[:s.n], s.held.Bytes())
}

func (s *Splitter) resumeHeader() (first byte, body []byte, ok bool) {
	head := s.head[:int(s.n)+copy(s.head[s.n:], s.piece)]
	n, size := s.header(head)
	switch {
	case s.err != nil:
		return 0, nil, false
	case n == 0:
		s.n, s.piece = uint8(len(head)), nil
		return 0, nil, false
	}
	s.piece = s.piece[n-int(s.n):]
	if len(s.piece) < size {
		s.n = uint8(n)
		s.hold(size)
		return 0, nil, false
	}
	s.n = 0
	body, s.piece = s.piece[:size:size], s.piece[size:]
	return s.whole(head[:n], body)
}

// connect5 is how the body of a CONNECT of 5.0 begins.
var connect5 = []byte("\x00\x04MQTT\x05")

// whole gives a packet, but for a CONNECT of 5.0 whose Remaining Length has more
// bytes than it needs: before it there is no version that would forbid that
// [MQTT-1.5.5-1].
func (s *Splitter) whole(head, body []byte) (first byte, _ []byte, ok bool) {
	if s.Version == 0 && len(head) > 2 && head[len(head)-1] == 0 && packets.Type(head[0]>>4) == packets.TypeConnect && bytes.HasPrefix(body, connect5) {
		s.fail(packets.Broken(packets.V5, packets.TypeConnect, wire.VarIntPadded))
		return 0, nil, false
	}
	return head[0], body, true
}

// cut keeps what is left of the piece: a packet with a fixed header of n bytes,
// zero if that is not all there, and size bytes behind it.
func (s *Splitter) cut(n, size int) {
	if n == 0 {
		n = len(s.piece)
	}
	s.n = uint8(copy(s.head[:], s.piece[:n]))
	s.piece = s.piece[n:]
	s.hold(size)
}

// hold keeps what is left of the piece, the beginning of a body of size bytes.
// It takes no memory for nothing.
func (s *Splitter) hold(size int) {
	if b := s.piece; len(b) > 0 {
		s.need = uint32(size)
		s.held = New(room(len(b), size))
		s.held.b = append(s.held.b[:0], b...)
	}
	s.piece = nil
}

// settle gives up the packet that was given last, if it is in held.
func (s *Splitter) settle() {
	if s.held != nil && s.need == 0 {
		s.held.Release()
		s.held, s.n = nil, 0
	}
}

// spare is where the rest of a body can be read to, nil if less than least bytes
// of it are missing. Next must have been false.
func (s *Splitter) spare(least int) []byte {
	if s.held == nil {
		return nil
	}
	have, need := len(s.held.b), int(s.need)
	if need-have < least {
		return nil
	}
	s.held.grow(room(have+least, need))
	return s.held.b[have:min(need, cap(s.held.b))]
}

// advance counts n bytes that were read to spare.
func (s *Splitter) advance(n int) {
	s.held.b = s.held.b[:len(s.held.b)+n]
}

// room is the capacity for have bytes of a body of need: all of it when half is
// there, never more than double before.
func room(have, need int) int {
	if have >= need/2 {
		return need
	}
	return 1 << bits.Len(uint(have-1))
}
