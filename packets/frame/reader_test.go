package frame

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/fletchmq/fletch/packets"
)

func TestReaderOverOddReaders(t *testing.T) {
	stream := publishes(0, 1, 127, 128, 0, 16383, 16384, 100_000, 0)
	want := split([][]byte{stream}, packets.V5, 0)
	for name, odd := range map[string]func(io.Reader) io.Reader{
		"OneByteReader": iotest.OneByteReader,
		"HalfReader":    iotest.HalfReader,
		"DataErrReader": iotest.DataErrReader,
		"hesitant":      func(r io.Reader) io.Reader { return &hesitantReader{Reader: r} },
		"halves of one with error": func(r io.Reader) io.Reader {
			return iotest.HalfReader(iotest.DataErrReader(r))
		},
	} {
		if got := read(odd(bytes.NewReader(stream)), packets.V5, 0); !got.same(want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// hesitantReader reads nothing in all but every tenth Read.
type hesitantReader struct {
	io.Reader
	reads int
}

func (r *hesitantReader) Read(b []byte) (int, error) {
	if r.reads++; r.reads%10 != 0 {
		return 0, nil
	}
	return r.Reader.Read(b)
}

// A Read that fails loses nothing, wherever it happens.
func TestReaderGoesOnAfterTimeout(t *testing.T) {
	for _, size := range []int{1, 5000, 50_000} {
		stream := publishes(size, 1)
		r := NewReader(iotest.TimeoutReader(iotest.HalfReader(bytes.NewReader(stream))))
		var bodies []int
		timeouts := 0
		for {
			_, body, err := r.Next()
			if err == io.EOF {
				break
			}
			switch {
			case err == iotest.ErrTimeout:
				timeouts++
			case err != nil:
				t.Fatal(err)
			default:
				bodies = append(bodies, len(body))
			}
		}
		if timeouts != 1 || !slices.Equal(bodies, []int{size, 1}) {
			t.Errorf("%d timeouts, bodies of %d bytes", timeouts, bodies)
		}
		r.Reset(nil)
	}
}

func TestReaderEnd(t *testing.T) {
	stream := publishes(0, 5, 300)
	between := map[int]bool{0: true, 2: true, 9: true, len(stream): true}
	for n := range len(stream) + 1 {
		r := NewReader(bytes.NewReader(stream[:n]))
		var err error
		for err == nil {
			_, _, err = r.Next()
		}
		if _, _, again := r.Next(); again != err {
			t.Errorf("%d bytes: %v, then %v", n, err, again)
		}
		want := io.ErrUnexpectedEOF
		if between[n] {
			want = io.EOF
		}
		if err != want {
			t.Errorf("%d bytes: %v", n, err)
		}
		r.Reset(nil)
	}
}

func TestReaderPassesErrorOn(t *testing.T) {
	reset := errors.New("connection reset")
	r := NewReader(io.MultiReader(bytes.NewReader(publishes(1)), iotest.ErrReader(reset)))
	defer r.Reset(nil)
	if _, _, err := r.Next(); err != nil {
		t.Error(err)
	}
	if _, _, err := r.Next(); err != reset {
		t.Error(err)
	}
}

type silentReader struct{ reads int }

func (r *silentReader) Read([]byte) (int, error) { r.reads++; return 0, nil }

func TestReaderDoesNotSpin(t *testing.T) {
	src := new(silentReader)
	r := NewReader(src)
	defer r.Reset(nil)
	if _, _, err := r.Next(); err != io.ErrNoProgress || src.reads != maxEmptyReads {
		t.Errorf("%v after %d reads", err, src.reads)
	}
}

// countReader counts the Reads and how much each could have read.
type countReader struct {
	io.Reader
	sizes []int
}

func (r *countReader) Read(b []byte) (int, error) {
	r.sizes = append(r.sizes, len(b))
	return r.Reader.Read(b)
}

func TestOneReadGivesManyPackets(t *testing.T) {
	src := &countReader{Reader: bytes.NewReader(publishes(slices.Repeat([]int{30}, 100)...))}
	r := NewReader(src)
	defer r.Reset(nil)
	for range 100 {
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if len(src.sizes) != 1 {
		t.Errorf("%d reads", len(src.sizes))
	}
}

func TestLargePacketIsReadStraight(t *testing.T) {
	const size = 500_000
	src := &countReader{Reader: bytes.NewReader(publishes(size))}
	r := NewReader(src)
	_, body, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	f := r.Take(body)
	defer f.Release()
	r.Reset(nil)
	if len(f.Bytes()) != size || &f.Bytes()[0] != &body[0] {
		t.Errorf("%d bytes, or a copy", len(f.Bytes()))
	}
	if len(src.sizes) > 10 || slices.Max(src.sizes) < size/4 {
		t.Errorf("reads of %d", src.sizes)
	}
}

func TestPark(t *testing.T) {
	src := bytes.NewBuffer(publishes(1, 1))
	r := NewReader(src)
	defer r.Reset(nil)
	if !r.Park() {
		t.Error("a new Reader has something in it")
	}
	r.Next()
	if r.Park() || r.buf == nil {
		t.Error("parked on a packet")
	}
	if _, _, err := r.Next(); err != nil {
		t.Error(err)
	}
	if !r.Park() || r.buf != nil || r.in.held != nil {
		t.Error("memory is held between packets")
	}
	cut := publishes(300)
	src.Write(cut[:200])
	if _, _, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	if !r.Park() || r.buf != nil {
		t.Error("the buffer is held besides the packet")
	}
	src.Write(cut[200:])
	if _, body, err := r.Next(); err != nil || !bytes.Equal(body, cut[3:]) {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	if !r.Park() || r.in.held != nil {
		t.Error("memory is held between packets")
	}
}

func TestParkTellsOfEnd(t *testing.T) {
	r := NewReader(iotest.DataErrReader(bytes.NewReader(publishes(1))))
	defer r.Reset(nil)
	r.Next()
	if r.Park() || r.buf != nil {
		t.Error("waits for bytes that do not come, or holds memory")
	}
	if _, _, err := r.Next(); err != io.EOF {
		t.Error(err)
	}
}

func TestReaderReset(t *testing.T) {
	r := NewReader(bytes.NewReader([]byte("\x00")))
	r.Version, r.Limit = packets.V5, 100
	r.Next()
	r.Reset(bytes.NewReader(publishes(97, 99)))
	defer r.Reset(nil)
	if r.Version != 0 {
		t.Errorf("version %s", r.Version)
	}
	if _, body, err := r.Next(); err != nil || len(body) != 97 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
	var broken *packets.BrokenError
	if _, _, err := r.Next(); !errors.As(err, &broken) || broken.Reason != packets.PacketTooLarge {
		t.Errorf("above the limit: %v", err)
	}
}

// loopReader repeats its bytes for ever.
type loopReader struct {
	b  []byte
	at int
}

func (r *loopReader) Read(b []byte) (int, error) {
	if r.at == len(r.b) {
		r.at = 0
	}
	n := copy(b, r.b[r.at:])
	r.at += n
	return n, nil
}
