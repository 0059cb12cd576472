package load

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// sink is a subscriber.
type sink struct {
	*wire
	number  int
	filters []string
	sources []*source // whose messages it gets, numbered from the first one's number on
	series  []series  // one for each
	settled []int64   // messages of this turn that are no longer under way, one for each
	foreign uint64

	delivered *atomic.Uint64       // of all sinks
	latency   *latency             // nil in a closed loop, and where latency is of no interest
	now       func() time.Duration // since the run began
	turnAt    time.Duration        // zero before the first message of a turn
	fresh     uint64               // messages of this turn

	// of a sink that is slow
	slow   bool
	ended  error         // why the broker has ended its connection
	paused atomic.Bool   // it is not to read,
	resume chan struct{} // until this is closed
}

func newSink(w *wire, sources []*source) *sink {
	return &sink{wire: w, sources: sources, series: make([]series, len(sources)), settled: make([]int64, len(sources)), resume: make(chan struct{})}
}

// receive reads until the broker ends the connection.
func (s *sink) receive() error {
	for {
		if s.paused.Load() {
			<-s.resume
		}
		err := s.turn(s.packet)
		s.settle()
		if err != nil {
			return fmt.Errorf("%s: %w", s.clientID, err)
		}
	}
}

// read ends a pause.
func (s *sink) read() {
	if s.paused.Swap(false) {
		close(s.resume)
	}
}

// settle counts the messages of a turn, and lets their publishers go on.
func (s *sink) settle() {
	if s.fresh > 0 {
		s.delivered.Add(s.fresh)
	}
	s.fresh, s.turnAt = 0, 0
	for i, n := range s.settled {
		if n > 0 && !s.slow {
			g := &s.sources[i].gate
			g.delivered.Add(n)
			g.open()
		}
		s.settled[i] = 0
	}
}

func (s *sink) packet(first byte, body []byte) error {
	switch t := packets.Type(first >> 4); {
	case t == packets.TypePublish:
		return s.publish(first, body)
	case t == packets.TypePubrel && len(body) >= 2:
		s.out = append(s.out, byte(packets.TypePubcomp)<<4, 2, body[0], body[1])
		return nil
	default:
		return fmt.Errorf("the broker sends %v of %d bytes to a subscriber", t, len(body))
	}
}

func (s *sink) publish(first byte, body []byte) error {
	payload, err := s.acknowledge(first, body)
	if err != nil {
		return err
	}
	m, ok := readStamp(payload)
	i := int(m.publisher - s.sources[0].number)
	if !ok || i >= len(s.sources) {
		s.foreign++
		return nil
	}
	settled, fresh := s.series[i].note(m.sequence)
	s.settled[i] += int64(settled)
	if !fresh {
		return nil
	}
	s.fresh++
	if s.latency != nil {
		if s.turnAt == 0 {
			s.turnAt = s.now()
		}
		s.latency.note(m.due, s.turnAt)
	}
	return nil
}

// acknowledge appends the answer to a PUBLISH, and gives its payload. It looks only at
// what it needs, so as to cost little beside the broker.
func (s *sink) acknowledge(first byte, body []byte) (payload []byte, err error) {
	rest := body
	if len(rest) >= 2 {
		rest = rest[min(len(rest), 2+int(binary.BigEndian.Uint16(rest))):]
	}
	if qos := packets.QoS(first >> 1 & 3); qos > 0 && len(rest) >= 2 {
		answer := packets.TypePuback
		if qos == packets.ExactlyOnce {
			answer = packets.TypePubrec
		}
		s.out = append(s.out, byte(answer)<<4, 2, rest[0], rest[1])
		rest = rest[2:]
	}
	if s.version != packets.V5 {
		return rest, nil
	}
	size, n := binary.Uvarint(rest)
	if n <= 0 || size > uint64(len(rest)-n) {
		var p packets.Publish
		return nil, p.Decode(first, body, s.version) // says what is wrong
	}
	return rest[n+int(size):], nil
}

// tally is what is wrong with what has come, once no more comes.
func (s *sink) tally() Tally {
	t := Tally{Foreign: s.foreign}
	for i := range s.series {
		t.add(s.series[i].end(s.sources[i].sentTo(s.number)))
	}
	return t
}
