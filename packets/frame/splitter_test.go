package frame

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/wire"
)

// publishes is a stream of packets with bodies of these sizes.
func publishes(sizes ...int) []byte {
	var b []byte
	for i, size := range sizes {
		b = wire.AppendVarInt(append(b, 0x30), uint32(size))
		for j := range size {
			b = append(b, byte(i+j))
		}
	}
	return b
}

// cutAt cuts b at these positions, which go up.
func cutAt(b []byte, at ...int) (pieces [][]byte) {
	last := 0
	for _, i := range append(at, len(b)) {
		pieces = append(pieces, b[last:i])
		last = i
	}
	return pieces
}

func TestEveryTwoCuts(t *testing.T) {
	stream := publishes(0, 1, 127, 0, 128, 0)
	step := 1
	if raceEnabled {
		step = 7
	}
	for i := 0; i <= len(stream); i++ {
		for j := i; j <= len(stream); j += step {
			check(t, cutAt(stream, i, j), packets.V5, 0)
		}
	}
}

func TestCutsAroundEdges(t *testing.T) {
	for _, size := range []int{127, 128, 16383, 16384, 2097151, 2097152} {
		stream := publishes(1, size, 1)
		edges := []int{0, 3, 3 + size/2, len(stream) - 3}
		for _, edge := range edges {
			for i := max(edge-2, 0); i < min(edge+7, len(stream)); i++ {
				check(t, cutAt(stream, i), packets.V311, 0)
			}
			if size > 1<<20 && (testing.Short() || raceEnabled) {
				break
			}
		}
		check(t, slices.Collect(slices.Chunk(stream, 1000)), packets.V5, 0)
	}
}

// The CONNECT that says the version is of it. Who speaks 3.1.1 may give a length in
// more bytes than it needs. [MQTT-1.5.5-1]
func TestPaddedConnect(t *testing.T) {
	for _, c := range []struct {
		connect string
		ok      bool
	}{
		{"\x10\x0e\x00\x04MQTT\x05\x00\x00\x00\x00\x00\x01c", true},
		{"\x10\x8e\x00\x00\x04MQTT\x05\x00\x00\x00\x00\x00\x01c", false},
		{"\x10\x8d\x80\x80\x00\x00\x04MQTT\x04\x00\x00\x00\x00\x01c", true},
		{"\x10\x8f\x00\x00\x06MQIsdp\x03\x00\x00\x00\x00\x01c", true},
	} {
		for i := range len(c.connect) + 1 {
			pieces := cutAt([]byte(c.connect), i)
			check(t, pieces, 0, 0)
			o := split(pieces, 0, 0)
			var broken *packets.BrokenError
			if errors.As(o.err, &broken) == c.ok || len(o.packets) == 1 != c.ok || !c.ok && broken.Statement != "MQTT-1.5.5-1" {
				t.Errorf("% x, cut at %d: %s", c.connect, i, o)
			}
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(publishes(0, 1, 127, 128), []byte{1, 1, 1}, uint8(5), uint32(0))
	f.Add(publishes(200, 20000), []byte{0, 255, 2}, uint8(4), uint32(201))
	f.Add([]byte("\xe0\x80\x80\x00\x30\xff\xff\xff\x7f."), []byte{2}, uint8(3), uint32(0))
	f.Add([]byte("\xc0\x00\xc0\x80\x00"), []byte{3, 1}, uint8(5), uint32(4))
	f.Add([]byte("\xd0\x00\x30\xff\xff\xff\xff\x01"), []byte{5}, uint8(0), uint32(9))
	f.Add([]byte("\x10\x8e\x80\x00\x00\x04MQTT\x05\x00\x00\x00\x00\x00\x01c"), []byte{2, 1, 9}, uint8(0), uint32(0))
	f.Fuzz(func(t *testing.T, stream, cuts []byte, v uint8, limit uint32) {
		versions := []packets.Version{0, packets.V31, packets.V311, packets.V5}
		var pieces [][]byte
		rest := stream
		for _, n := range cuts {
			k := min(int(n), len(rest))
			pieces = append(pieces, rest[:k])
			rest = rest[k:]
		}
		check(t, append(pieces, rest), versions[v%4], limit)
	})
}

func TestBodyIsViewIntoPiece(t *testing.T) {
	stream := publishes(10, 10)
	for at := range 3 { // whole, and cut in or behind the fixed header
		var s Splitter
		s.Feed(stream[:at])
		s.Next()
		s.Feed(stream[at:])
		_, body, _ := s.Next()
		if &body[0] != &stream[2] || cap(body) != len(body) {
			t.Errorf("cut at %d: a copy, or not capped: %d of %d", at, len(body), cap(body))
		}
		s.Next()
		s.Next()
		if s.held != nil || s.piece != nil || s.n != 0 {
			t.Errorf("cut at %d: memory is held between packets", at)
		}
	}
}

// There is one of them for each connection.
func TestSplitterIsSmall(t *testing.T) {
	if n := reflect.TypeFor[Splitter]().Size(); n > 64 {
		t.Errorf("%d bytes", n)
	}
}

// What a peer announces is not what it gets: until half of a packet is there, it
// costs no more than double of what is there.
func TestAnnouncedLengthReservesNothing(t *testing.T) {
	var s Splitter
	defer s.Reset()
	s.Feed([]byte("\x30\xff\xff\xff\x7f"))
	if _, _, ok := s.Next(); ok || s.held != nil {
		t.Error("memory for nothing")
	}
	piece := make([]byte, 777)
	for sent := len(piece); sent < 3<<20; sent += len(piece) {
		s.Feed(piece)
		if s.Next(); s.piece != nil {
			t.Fatal("the piece is held as well")
		}
		if c := cap(s.held.b); c > max(2*sent, 128) {
			t.Fatalf("%d bytes sent, %d held", sent, c)
		}
	}
	r := NewReader(io.MultiReader(bytes.NewReader([]byte("\x30\xff\xff\xff\x7f")), bytes.NewReader(piece)))
	defer r.Reset(nil)
	if _, _, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	if c := cap(r.in.held.b); c > 2*(len(piece)+readSize) {
		t.Errorf("Reader: %d bytes sent, %d held", len(piece), c)
	}
}

// Once half is there the rest is reserved in one step, and no more than that.
func TestRestIsReservedExactly(t *testing.T) {
	const size = 3<<20 + 5
	stream := publishes(size)
	var s Splitter
	defer s.Reset()
	s.Feed(stream[:len(stream)-size/2+1])
	s.Next()
	if c := cap(s.held.b); c != size {
		t.Errorf("capacity %d for %d bytes", c, size)
	}
}

func TestTake(t *testing.T) {
	stream := publishes(300, 300)
	want := stream[3:303]
	for _, at := range []int{303, 100} { // whole, and cut
		var s Splitter
		var body []byte
		for _, piece := range cutAt(slices.Clone(stream), at) {
			s.Feed(piece)
			if _, b, ok := s.Next(); ok {
				body = b
				break
			}
		}
		moved := s.held != nil
		part, all := s.Take(body[10:]), s.Take(body)
		if same := &all.Bytes()[0] == &body[0]; same != moved {
			t.Errorf("cut at %d: moved %v", at, same)
		}
		if second := s.Take(body); &second.Bytes()[0] == &body[0] {
			t.Errorf("cut at %d: the same bytes have two owners", at)
		} else {
			second.Release()
		}
		for ok := true; ok; {
			_, _, ok = s.Next()
		}
		s.Reset()
		if !bytes.Equal(all.Bytes(), want) || !bytes.Equal(part.Bytes(), want[10:]) {
			t.Errorf("cut at %d: what was taken has changed", at)
		}
		all.Release()
		part.Release()
	}
}

func TestTakeNothing(t *testing.T) {
	var s Splitter
	s.Feed([]byte("\xc0\x00"))
	_, body, _ := s.Next()
	f := s.Take(body)
	defer f.Release()
	if len(f.Bytes()) != 0 {
		t.Errorf("%d bytes", len(f.Bytes()))
	}
}

// A connection that has to wait keeps the rest of the piece, and goes on later.
func TestRest(t *testing.T) {
	stream := publishes(1, 2, 300)
	var s Splitter
	defer s.Reset()
	s.Feed(stream[:100])
	s.Next()
	kept := Copy(s.Rest())
	defer kept.Release()
	if _, _, ok := s.Next(); ok {
		t.Error("a packet of what was taken back")
	}
	s.Feed(kept.Bytes())
	if _, body, ok := s.Next(); !ok || len(body) != 2 {
		t.Errorf("second packet: %d bytes", len(body))
	}
	s.Next()
	s.Feed(stream[100:])
	if _, body, ok := s.Next(); !ok || !bytes.Equal(body, stream[len(stream)-300:]) {
		t.Errorf("third packet: %d bytes", len(body))
	}
}

func TestFeedTooEarly(t *testing.T) {
	var s Splitter
	s.Feed(publishes(1, 1))
	s.Next()
	panics(t, "Feed before Next was false", func() { s.Feed(nil) })
}

func TestReset(t *testing.T) {
	s := Splitter{Version: packets.V5, Limit: 1000}
	s.Feed(publishes(300)[:200])
	s.Next()
	held := s.held
	s.Reset()
	panics(t, "Release of what Reset has released", held.Release)
	if s.Limit != 1000 || s.Version != 0 {
		t.Errorf("limit %d, version %d", s.Limit, s.Version)
	}
	s.Feed([]byte("\x00"))
	s.Next()
	s.Reset()
	s.Feed(publishes(1))
	if _, _, ok := s.Next(); !ok || s.Err() != nil {
		t.Errorf("not as new: %v", s.Err())
	}
}
