package listener

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// wire is a connection that takes so many bytes more, and then none in time.
type wire struct {
	net.Conn // nil
	sent     bytes.Buffer
	room     int
	calls    int
}

func (w *wire) SetWriteDeadline(time.Time) error { return nil }

func (w *wire) Write(b []byte) (int, error) {
	w.calls++
	n := min(len(b), w.room)
	w.room -= n
	w.sent.Write(b[:n])
	if n < len(b) {
		return n, os.ErrDeadlineExceeded
	}
	return n, nil
}

// frames is what was sent: payloads of binary frames, and how many pongs.
func (w *wire) frames(t *testing.T) (payloads []string, pongs int) {
	t.Helper()
	c := wsClient{in: bufio.NewReader(&w.sent)}
	for {
		first, length, err := c.frame()
		if err == io.EOF {
			return payloads, pongs
		}
		payload := make([]byte, length)
		if _, err := io.ReadFull(c.in, payload); err != nil {
			t.Fatalf("frame %#x of %d bytes: %v", first, length, err)
		}
		switch first {
		case binaryFrame:
			payloads = append(payloads, string(payload))
		case pong:
			pongs++
		default:
			t.Fatalf("frame %#x", first)
		}
	}
}

// split cuts packets at random, in and behind many a fixed header, with empty
// pieces here and there.
func split(random *rand.Rand, packets []string) (pieces net.Buffers) {
	stream := []byte(strings.Join(packets, ""))
	cuts := []int{0, len(stream)}
	for at := 0; len(packets) > 0; packets = packets[1:] {
		cuts = append(cuts, min(at+random.IntN(8), len(stream)))
		at += len(packets[0])
	}
	for range random.IntN(100) {
		cuts = append(cuts, random.IntN(len(stream)))
	}
	slices.Sort(cuts)
	for i, at := range cuts[1:] {
		pieces = append(pieces, stream[cuts[i]:at])
	}
	return pieces
}

// However the packets are cut into writes, and the writes by deadlines, each is a
// frame. What answers pings stands between.
func TestPacketsAreFrames(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		var packets []string
		for range 1 + random.IntN(20) {
			packets = append(packets, packet(strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(1<<random.IntN(18)))))
		}
		out := &wire{}
		c := &webSocket{Conn: out}
		pieces := split(random, packets)
		for len(pieces) > 0 {
			if random.IntN(4) == 0 {
				c.pong([]byte("?"))
			}
			k := 1 + random.IntN(len(pieces))
			for v := slices.Clone(pieces[:k]); ; {
				out.room = random.IntN(1 << random.IntN(21))
				before := length(v)
				n, err := c.WriteBuffers(&v)
				if length(v) != before-int(n) || err == nil && len(v) > 0 {
					t.Fatalf("%d bytes of %d written, %d left, %v", n, before, length(v), err)
				}
				if err == nil {
					break
				}
			}
			pieces = pieces[k:]
		}
		out.room = 1 << 20
		c.pong(nil)
		last := packet("last")
		c.Write([]byte(last))
		got, pongs := out.frames(t)
		if !slices.Equal(got, append(packets, last)) {
			t.Fatalf("%d frames of %d packets, or others", len(got), len(packets))
		}
		if pongs == 0 {
			t.Fatal("no pong")
		}
	}
}

func length(v net.Buffers) (n int) {
	for _, b := range v {
		n += len(b)
	}
	return n
}

// What is short goes out in one call, whatever it is made of.
func TestWriteAtOnce(t *testing.T) {
	out := &wire{room: 1 << 20}
	many := strings.Repeat(packet("payload"), 1000)
	n, err := (&webSocket{Conn: out}).WriteBuffers(&net.Buffers{[]byte(many[:9]), []byte(many[9:100]), []byte(many[100:])})
	if n != int64(len(many)) || err != nil || out.calls != 1 {
		t.Errorf("%d bytes of %d, %v, in %d calls", n, len(many), err, out.calls)
	}
}

// A packet that cannot be one is not written, nor what comes with it.
func TestWriteWhatIsNotMQTT(t *testing.T) {
	out := &wire{room: 1 << 10}
	c := &webSocket{Conn: out}
	if n, err := c.Write([]byte(packet("x") + "\x30\xff\xff\xff\xff\x01")); n != 0 || err != errNotMQTT {
		t.Errorf("Write: %d, %v", n, err)
	}
	if _, err := c.Write([]byte(packet("y"))); err != nil {
		t.Error(err)
	}
	if got, _ := out.frames(t); !slices.Equal(got, []string{packet("y")}) {
		t.Errorf("frames %q", got)
	}
}
