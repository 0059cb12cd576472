package frame

import (
	"bytes"
	"errors"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// Each is refused as soon as the last of these bytes is there, and for good.
func TestBrokenHeaders(t *testing.T) {
	every := []packets.Version{packets.V31, packets.V311, packets.V5}
	v31, v311, v5 := every[:1], every[1:2], every[2:]
	for _, c := range []struct {
		doc    string
		in     []packets.Version
		limit  uint32
		header string
		reason packets.ReasonCode
	}{
		{"type 0", every, 0, "\x00", packets.MalformedPacket},
		{"AUTH in 3.1", v31, 0, "\xf0", packets.MalformedPacket},
		{"AUTH in 3.1.1", v311, 0, "\xf0", packets.MalformedPacket},
		{"QoS 3", every, 0, "\x36", packets.MalformedPacket},
		{"CONNACK flags", v5, 0, "\x21", packets.MalformedPacket},
		{"PUBREL flags", v5, 0, "\x60", packets.MalformedPacket},
		{"SUBSCRIBE flags", v311, 0, "\x80", packets.MalformedPacket},
		{"length of five bytes", every, 0, "\x30\xff\xff\xff\xff", packets.MalformedPacket},
		{"length of five bytes, padded", every, 0, "\x30\x80\x80\x80\x80", packets.MalformedPacket},
		{"length padded by one", v5, 0, "\xc0\x80\x00", packets.MalformedPacket},
		{"length padded by three", v5, 0, "\xc0\x82\x80\x80\x00", packets.MalformedPacket},
		{"above the limit", every, 129, "\x30\x80\x01", packets.PacketTooLarge},
		{"far above the limit", every, 129, "\x30\xff\xff\xff\x7f", packets.PacketTooLarge},
		{"body above the limit", every, 1, "\xc0\x00", packets.PacketTooLarge},
		{"padded and above the limit", v5, 3, "\x30\xff\x00", packets.MalformedPacket},
	} {
		for _, v := range c.in {
			s := Splitter{Version: v, Limit: c.limit}
			for i := range c.header {
				if s.Err() != nil {
					t.Errorf("%s: refused after %d of %d bytes", c.doc, i, len(c.header))
				}
				s.Feed([]byte(c.header[i : i+1]))
				if _, _, ok := s.Next(); ok {
					t.Errorf("%s: a packet", c.doc)
				}
			}
			var broken *packets.BrokenError
			if !errors.As(s.Err(), &broken) {
				t.Errorf("%s in %s: error %v", c.doc, v, s.Err())
				continue
			}
			if broken.Reason != c.reason || broken.Version != v || broken.Packet != packets.Type(c.header[0]>>4) || broken.Statement == "" {
				t.Errorf("%s in %s: %+v", c.doc, v, broken)
			}
			s.Feed(publishes(1))
			if _, _, ok := s.Next(); ok || s.Err() != broken {
				t.Errorf("%s: goes on after the error", c.doc)
			}
			r := NewReader(bytes.NewReader([]byte(c.header + "more")))
			r.Version, r.Limit = v, c.limit
			_, _, err := r.Next()
			if _, _, again := r.Next(); again != err || !errors.As(err, &broken) {
				t.Errorf("%s: the Reader says %v, then %v", c.doc, err, again)
			}
			r.Reset(nil)
		}
	}
}

func TestAcceptedHeaders(t *testing.T) {
	for _, c := range []struct {
		doc    string
		v      packets.Version
		limit  uint32
		packet string
	}{
		{"padded length before CONNECT", 0, 0, "\x10\x81\x00x"},
		{"padded length in 3.1", packets.V31, 0, "\xc0\x80\x80\x80\x00"},
		{"padded length in 3.1.1", packets.V311, 0, "\xc0\x80\x00"},
		{"AUTH in 5.0", packets.V5, 0, "\xf0\x00"},
		{"just the limit", packets.V5, 131, "\x30\x80\x01" + string(make([]byte, 128))},
	} {
		s := Splitter{Version: c.v, Limit: c.limit}
		s.Feed([]byte(c.packet))
		if first, _, ok := s.Next(); !ok || first != c.packet[0] {
			t.Errorf("%s: %v", c.doc, s.Err())
		}
	}
}

// Packets before a broken one are given, and the strict rules of a version hold
// from the packet behind the CONNECT on, though both are in one piece.
func TestVersionChangesInsidePiece(t *testing.T) {
	var s Splitter
	s.Feed([]byte("\x10\x81\x00x\xc0\x00\xc0\x80\x00"))
	if first, _, ok := s.Next(); !ok || first != 0x10 {
		t.Fatalf("no CONNECT: %v", s.Err())
	}
	s.Version = packets.V5
	if first, _, ok := s.Next(); !ok || first != 0xc0 {
		t.Fatalf("no PINGREQ: %v", s.Err())
	}
	if _, _, ok := s.Next(); ok || s.Err() == nil {
		t.Error("a padded length is accepted in 5.0") // [MQTT-1.5.5-1]
	}
}
