package codecs

import (
	"io"
	"slices"
	"strconv"

	"github.com/fletchmq/fletch/packets"
)

// codec is an implementation. It keeps what its library lets its users keep from
// one packet to the next: structs, buffers.
type codec interface {
	// encoder is a function that fills a packet with the fields of m and encodes
	// it. The bytes are good until it is called again.
	encoder(kind packets.Type, v packets.Version) func(m *message) []byte

	// decoder is a function that decodes the next packet of src and reads all its
	// fields.
	decoder(src io.Reader, kind packets.Type, v packets.Version) func(f *fields) error
}

type implementation struct {
	name     string
	versions []packets.Version
	codec    func() codec
}

var (
	fletch = implementation{"fletch", both, func() codec { return new(fletchCodec) }}
	peers  = []implementation{
		{"mochi", both, func() codec { return new(mochiCodec) }},
		{"paho.golang", only5, func() codec { return new(pahoCodec) }},
		{"paho.mqtt.golang", []packets.Version{packets.V311}, func() codec { return new(oldPahoCodec) }},
	}
)

// speaking is the peers that speak version v.
func speaking(v packets.Version) (all []implementation) {
	for _, p := range peers {
		if slices.Contains(p.versions, v) {
			all = append(all, p)
		}
	}
	return all
}

// resize is s with n elements, in the same memory where it is large enough.
func resize[S ~[]E, E any](s S, n int) S { return slices.Grow(s[:0], n)[:n] }

// fields takes what a codec has decoded. A benchmark wants only to be sure that
// each field was there to be read; a test wants all of it, in log.
type fields struct {
	sum int
	log *[]string
}

func (f *fields) text(v string) {
	f.sum += len(v)
	if f.log != nil {
		f.note(v)
	}
}

func (f *fields) bytes(v []byte) {
	f.sum += len(v)
	if f.log != nil {
		f.note(string(v))
	}
}

func (f *fields) number(v uint32) {
	f.sum += int(v)
	if f.log != nil {
		f.noteNumber(v)
	}
}

func (f *fields) flag(v bool) {
	if v {
		f.number(1)
	} else {
		f.number(0)
	}
}

func (f *fields) note(v string) { *f.log = append(*f.log, v) }

func (f *fields) noteNumber(v uint32) { f.note(strconv.Itoa(int(v))) }

// loop gives the same packets again and again, as many in a Read as there is
// room for.
type loop struct {
	stream []byte
	at     int
}

// newLoop is a loop over packet: 64 KiB of it, and no fewer than four.
func newLoop(packet []byte) *loop {
	return &loop{stream: slices.Repeat(packet, max(4, 64<<10/len(packet)))}
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.stream[l.at:])
	if l.at += n; l.at == len(l.stream) {
		l.at = 0
	}
	return n, nil
}
