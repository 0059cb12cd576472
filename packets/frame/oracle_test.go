package frame

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// outcome is what a stream comes to: its packets, the error that ends it, and
// whether it ends inside a packet.
type outcome struct {
	packets []string // the first byte, then the body
	err     error
	inside  bool
}

// oracle is section 2.1 applied to all of the stream at once. It says for what
// reason a stream is refused, not with which error.
func oracle(b []byte, v packets.Version, limit uint32) (all []string, reason packets.ReasonCode, inside bool) {
	for len(b) > 0 {
		if packets.CheckFixedHeader(b[0], v) != nil {
			return all, packets.MalformedPacket, false
		}
		length, n := 0, 0
		for more := true; more; n++ {
			switch {
			case n == 4:
				return all, packets.MalformedPacket, false
			case 1+n == len(b):
				// The fifth byte is not needed to know that it is one too many.
				return all, 0, true
			}
			length |= int(b[1+n]&0x7f) << (7 * n)
			more = b[1+n]&0x80 != 0
		}
		minimal := length>>(7*(n-1)) != 0 || n == 1
		size := 1 + n + length
		switch {
		case v == packets.V5 && !minimal:
			return all, packets.MalformedPacket, false
		case limit != 0 && size > int(limit):
			return all, packets.PacketTooLarge, false
		case size > len(b):
			return all, 0, true
		}
		if v == 0 && !minimal && b[0]>>4 == 1 && strings.HasPrefix(string(b[1+n:size]), "\x00\x04MQTT\x05") {
			return all, packets.MalformedPacket, false // of 5.0, as it says itself
		}
		all = append(all, string(b[0])+string(b[1+n:size]))
		b = b[size:]
	}
	return all, 0, false
}

// split feeds pieces through one buffer that is overwritten in between, as an
// event loop does.
func split(pieces [][]byte, v packets.Version, limit uint32) outcome {
	s := Splitter{Version: v, Limit: limit}
	defer s.Reset()
	var o outcome
	var shared []byte
	for _, piece := range pieces {
		shared = append(shared[:0], piece...)
		s.Feed(shared)
		for {
			first, body, ok := s.Next()
			if !ok {
				break
			}
			o.packets = append(o.packets, string(first)+string(body))
		}
		for i := range shared {
			shared[i] = 0xEE
		}
	}
	o.err, o.inside = s.Err(), s.n != 0
	return o
}

// read reads the same through a Reader.
func read(src io.Reader, v packets.Version, limit uint32) outcome {
	r := NewReader(src)
	r.Version, r.Limit = v, limit
	defer r.Reset(nil)
	var o outcome
	for {
		first, body, err := r.Next()
		switch {
		case err == nil:
			o.packets = append(o.packets, string(first)+string(body))
			continue
		case err == io.ErrUnexpectedEOF:
			o.inside = true
		case err != io.EOF:
			o.err = err
		}
		return o
	}
}

// pieceReader gives one piece with each Read, the last one with io.EOF.
type pieceReader struct{ pieces [][]byte }

func newPieceReader(pieces [][]byte) *pieceReader {
	empty := func(b []byte) bool { return len(b) == 0 }
	return &pieceReader{slices.DeleteFunc(slices.Clone(pieces), empty)}
}

func (r *pieceReader) Read(b []byte) (n int, err error) {
	if len(r.pieces) > 0 {
		n = copy(b, r.pieces[0])
		r.pieces[0] = r.pieces[0][n:]
		if len(r.pieces[0]) > 0 {
			return n, nil
		}
		r.pieces = r.pieces[1:]
	}
	if len(r.pieces) == 0 {
		err = io.EOF
	}
	return n, err
}

func (o outcome) same(p outcome) bool {
	return slices.Equal(o.packets, p.packets) && reflect.DeepEqual(o.err, p.err) && o.inside == p.inside
}

func (o outcome) String() string {
	var b strings.Builder
	for _, p := range o.packets {
		fmt.Fprintf(&b, "%.8x(%d) ", p, len(p))
	}
	fmt.Fprintf(&b, "error %v, inside %v", o.err, o.inside)
	return b.String()
}

// check compares what is made of pieces with the oracle.
func check(t *testing.T, pieces [][]byte, v packets.Version, limit uint32) {
	t.Helper()
	stream := slices.Concat(pieces...)
	all, reason, inside := oracle(stream, v, limit)
	whole := split([][]byte{stream}, v, limit)
	var broken *packets.BrokenError
	errors.As(whole.err, &broken)
	switch {
	case !slices.Equal(whole.packets, all) || whole.inside != inside:
		t.Fatalf("%s\nwant %s", whole, outcome{packets: all, inside: inside})
	case (broken != nil) != (reason != 0), broken != nil && broken.Reason != reason:
		t.Fatalf("%v, want reason %#x", whole.err, uint8(reason))
	}
	if got := split(pieces, v, limit); !got.same(whole) {
		t.Fatalf("%d pieces: %s\nin one: %s", len(pieces), got, whole)
	}
	if got := read(newPieceReader(pieces), v, limit); !got.same(whole) {
		t.Fatalf("Reader, %d pieces: %s\nin one: %s", len(pieces), got, whole)
	}
}
