package session

import (
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// The end of a session whose line is still attached leaves nothing behind, in memory
// or in the store.
func TestEndBeforeTheLine(t *testing.T) {
	s := newShelf(t, 1)
	for range 300 {
		s.push(packets.ExactlyOnce)
	}
	s.attach()
	s.take()
	s.read()
	s.take()
	s.o.Replay(Replay{Filter: "#", Terms: Terms{QoS: packets.AtLeastOnce}, Until: 1}, &s.turn)
	s.acknowledge()
	s.o.End()
	s.detach()
	s.empty()
	if n := s.b.Used(); n != 0 {
		t.Errorf("%d bytes are counted when nothing is left", n)
	}
	s.j.Close(nil)
}

// Retained messages that are wanted twice are in the store until the last of them have
// come, and no longer, whichever of them are at QoS 0.
func TestReplaysAreStored(t *testing.T) {
	for _, x := range []struct {
		name          string
		first, second packets.QoS
		end           func(s *shelf)
	}{
		{"come, QoS 1 and 0", 1, 0, func(s *shelf) { s.expand(); s.expand() }},
		{"come, QoS 0 and 1", 0, 1, func(s *shelf) { s.expand(); s.expand() }},
		{"come, QoS 1 and 2", 1, 2, func(s *shelf) { s.expand(); s.expand() }},
		{"cancelled, QoS 1 and 0", 1, 0, func(s *shelf) { s.o.Cancel("#") }},
		{"cancelled, QoS 0 and 1", 0, 1, func(s *shelf) { s.o.Cancel("#") }},
		{"absent, QoS 1 and 0", 1, 0, func(s *shelf) { s.expand(); s.detach() }},
		{"ended, QoS 1 and 0", 1, 0, func(s *shelf) { s.detach(); s.o.End() }},
		{"ended, QoS 0 and 1", 0, 1, func(s *shelf) { s.detach(); s.o.End() }},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := newShelf(t, 1)
			s.attach()
			for _, qos := range []packets.QoS{x.first, x.second} {
				s.o.Replay(Replay{Filter: "#", Terms: Terms{QoS: qos}, Until: 1}, &s.turn)
			}
			x.end(s)
			s.empty()
			s.j.Close(nil)
		})
	}
}

// expand looks up retained messages, and finds none.
func (s *shelf) expand() {
	s.turn.Flush()
	var b Batch
	for s.line.Take(&b) == Filled {
		if b.Replay != nil {
			s.o.Expand(b.Replay, nil, nil, "", &s.turn)
			return
		}
	}
	s.Fatal("no retained messages are asked for")
}
