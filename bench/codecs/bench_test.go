package codecs

import (
	"fmt"
	"io"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// row is the coordinates of a sample in a version, for benchstat.
func row(s *sample, v packets.Version) string {
	level := map[packets.Version]string{packets.V311: "311", packets.V5: "5"}[v]
	return fmt.Sprintf("packet=%s/v=%s", s.name, level)
}

func BenchmarkCodec(b *testing.B) {
	for i := range samples {
		s := &samples[i]
		for _, v := range s.versions {
			name := row(s, v)
			for _, impl := range append([]implementation{fletch}, speaking(v)...) {
				b.Run(name+"/op=decode/impl="+impl.name, func(b *testing.B) { benchDecode(b, s, v, impl) })
				b.Run(name+"/op=encode/impl="+impl.name, func(b *testing.B) { benchEncode(b, s, v, impl) })
			}
			b.Run(name+"/op=decode/impl=copy", func(b *testing.B) { benchRead(b, s, v) })
			b.Run(name+"/op=encode/impl=copy", func(b *testing.B) { benchCopy(b, s, v) })
			b.Run(name+"/op=decode-body/impl=fletch", func(b *testing.B) { benchDecodeBody(b, s, v) })
		}
	}
}

// packet is s in version v, as Fletch encodes it: what all have to decode.
func packet(s *sample, v packets.Version) []byte {
	return new(fletchCodec).encoder(s.kind, v)(&s.message)
}

func benchDecode(b *testing.B, s *sample, v packets.Version, impl implementation) {
	next := impl.codec().decoder(newLoop(packet(s, v)), s.kind, v)
	var f fields
	b.ReportAllocs()
	for b.Loop() {
		if err := next(&f); err != nil {
			b.Fatal(err)
		}
	}
}

func benchDecodeBody(b *testing.B, s *sample, v packets.Version) {
	whole := packet(s, v)
	body := whole[1:]
	for body[0] >= 0x80 {
		body = body[1:]
	}
	body = body[1:]
	decode := new(fletchCodec).bodyDecoder(s.kind, v)
	var f fields
	b.ReportAllocs()
	for b.Loop() {
		if err := decode(&f, whole[0], body); err != nil {
			b.Fatal(err)
		}
	}
}

func benchEncode(b *testing.B, s *sample, v packets.Version, impl implementation) {
	encode := impl.codec().encoder(s.kind, v)
	b.ReportAllocs()
	for b.Loop() {
		encode(&s.message)
	}
}

// benchRead is the floor of decoding: to get the bytes of a packet out of the stream.
func benchRead(b *testing.B, s *sample, v packets.Version) {
	whole := packet(s, v)
	src, into := io.Reader(newLoop(whole)), make([]byte, len(whole))
	for b.Loop() {
		if _, err := io.ReadFull(src, into); err != nil {
			b.Fatal(err)
		}
	}
}

// benchCopy is the floor of encoding: to copy the bytes of a packet.
func benchCopy(b *testing.B, s *sample, v packets.Version) {
	whole := packet(s, v)
	var out []byte
	for b.Loop() {
		out = append(out[:0], whole...)
	}
}
