package codecs

import (
	"bytes"
	"slices"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// TestPeersAgree has every implementation read what every other has written. What
// Fletch writes and reads alone could be wrong both times in the same way.
func TestPeersAgree(t *testing.T) {
	for i := range samples {
		s := &samples[i]
		for _, v := range s.versions {
			all := append(speaking(v), fletch)
			for _, writer := range all {
				for _, reader := range all {
					t.Run(row(s, v)+"/from="+writer.name+"/to="+reader.name, func(t *testing.T) {
						agree(t, s, v, writer, reader)
					})
				}
			}
		}
	}
}

// agree sends the packet twice: the second time the structs and buffers of both
// sides have been used before.
func agree(t *testing.T, s *sample, v packets.Version, writer, reader implementation) {
	encode := writer.codec().encoder(s.kind, v)
	stream := bytes.Clone(encode(&s.message))
	stream = append(stream, encode(&s.message)...)

	var want []string
	s.read(&fields{log: &want}, s.kind, v)
	decode := reader.codec().decoder(bytes.NewReader(stream), s.kind, v)
	for n := range 2 {
		var got []string
		if err := decode(&fields{log: &got}); err != nil {
			t.Fatalf("packet %d: %v", n, err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("packet %d: read %q, want %q", n, got, want)
		}
	}
}
