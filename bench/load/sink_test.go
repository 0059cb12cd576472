package load

import (
	"bytes"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// Each retained message has to come once, with RETAIN set, and be the one of its topic.
func TestReplay(t *testing.T) {
	stamped := func(sequence uint32) []byte {
		b := make([]byte, MinimumSize)
		stamp{7, sequence, 0}.put(b)
		return b
	}
	r := &replay{sink: newSink(&wire{version: packets.V5}, nil), number: 7, seen: make([]bool, 10)}
	for _, test := range []struct {
		topic   int
		payload []byte
		retain  bool
		want    Tally
		bad     bool
	}{
		{3, stamped(3), true, Tally{}, false},
		{4, stamped(4), false, Tally{}, true},
		{3, stamped(3), true, Tally{Duplicated: 1}, false},
		{5, stamped(6), true, Tally{Duplicated: 1, Foreign: 1}, false},
		{12, stamped(12), true, Tally{Duplicated: 1, Foreign: 2}, false},
		{5, []byte("of another"), true, Tally{Duplicated: 1, Foreign: 3}, false},
	} {
		p := packets.Publish{Retain: test.retain, Topic: []byte(numberedTopic(test.topic)), Payload: test.payload}
		b := p.AppendTo(nil, packets.V5)
		if err := r.publish(b[0], b[2:]); (err != nil) != test.bad || r.tally != test.want {
			t.Errorf("%d: %+v, %v; want %+v", test.topic, r.tally, err, test.want)
		}
	}
	if got := r.came.Load(); got != 1 {
		t.Errorf("%d have come, want 1", got)
	}
}

// The quick look into a PUBLISH finds what the decoder finds, and does not break on what
// is no PUBLISH.
func FuzzAcknowledge(f *testing.F) {
	p := packets.Publish{QoS: 1, PacketID: 5, Topic: []byte("a/b"), Payload: []byte("0123456789abcdef")}
	for _, v := range []packets.Version{packets.V311, packets.V5} {
		b := p.AppendTo(nil, v)
		f.Add(b[0], b[2:], v == packets.V5)
	}
	f.Fuzz(func(t *testing.T, first byte, body []byte, five bool) {
		v := packets.V311
		if five {
			v = packets.V5
		}
		s := sink{wire: &wire{version: v}}
		payload, err := s.acknowledge(first, body)
		var want packets.Publish
		if want.Decode(first, body, v) != nil {
			return
		}
		var answer []byte
		switch want.QoS {
		case packets.AtLeastOnce:
			answer = (&packets.Puback{PacketID: want.PacketID}).AppendTo(nil, v)
		case packets.ExactlyOnce:
			answer = (&packets.Pubrec{PacketID: want.PacketID}).AppendTo(nil, v)
		}
		if err != nil || !bytes.Equal(payload, want.Payload) || !bytes.Equal(s.out, answer) {
			t.Errorf("got %x and %x, %v; want %x and %x", payload, s.out, err, want.Payload, answer)
		}
	})
}
