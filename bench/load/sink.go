package load

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/fletchmq/fletch/packets"
)

// sink is a subscriber.
type sink struct {
	*wire
	sources []*source // whose messages it gets, numbered from the first one's number on
	series  []series  // one for each
	fresh   []uint32  // messages of this turn, one for each
	foreign uint64

	delivered *atomic.Uint64 // of all sinks
	latency   *latency       // nil in a closed loop
	now       func() time.Duration
}

func newSink(w *wire, sources []*source) *sink {
	return &sink{wire: w, sources: sources, series: make([]series, len(sources)), fresh: make([]uint32, len(sources))}
}

// receive reads until the broker ends the connection.
func (s *sink) receive() error {
	for {
		n, err := s.turnOnce()
		if err != nil {
			return err
		}
		if n > 0 {
			s.delivered.Add(n)
		}
	}
}

// turnOnce counts the messages of a turn, and lets their publishers go on.
func (s *sink) turnOnce() (n uint64, err error) {
	var now time.Duration
	err = s.turn(func(first byte, body []byte) error {
		switch packets.Type(first >> 4) {
		case packets.TypePublish:
			if n++; n == 1 && s.latency != nil {
				now = s.now()
			}
			return s.publish(first, body, now)
		case packets.TypePubrel:
			s.out = append(s.out, byte(packets.TypePubcomp)<<4, 2, body[0], body[1])
			return nil
		}
		return fmt.Errorf("the broker sends %v to a subscriber", packets.Type(first>>4))
	})
	for i, fresh := range s.fresh {
		if fresh > 0 {
			g := &s.sources[i].gate
			g.delivered.Add(uint64(fresh))
			g.open()
			s.fresh[i] = 0
		}
	}
	return n, err
}

func (s *sink) publish(first byte, body []byte, now time.Duration) error {
	payload := s.acknowledge(first, body)
	m, ok := readStamp(payload)
	i := int(m.publisher - s.sources[0].number)
	if !ok || i < 0 || i >= len(s.sources) {
		s.foreign++
		return nil
	}
	s.series[i].note(m.sequence)
	s.fresh[i]++
	if s.latency != nil {
		s.latency.note(m.due, now)
	}
	return nil
}

// acknowledge appends the answer to a PUBLISH, whose form the splitter and the source
// guarantee but for the topic, and gives its payload.
func (s *sink) acknowledge(first byte, body []byte) (payload []byte) {
	var p packets.Publish
	if p.Decode(first, body, s.version) != nil {
		return nil
	}
	switch p.QoS {
	case packets.AtLeastOnce:
		s.out = binary.BigEndian.AppendUint16(append(s.out, byte(packets.TypePuback)<<4, 2), p.PacketID)
	case packets.ExactlyOnce:
		s.out = binary.BigEndian.AppendUint16(append(s.out, byte(packets.TypePubrec)<<4, 2), p.PacketID)
	}
	return p.Payload
}

// tally is what is wrong with what has come, once no more comes.
func (s *sink) tally() Tally {
	t := Tally{Foreign: s.foreign}
	for i := range s.series {
		t.add(s.series[i].end(s.sources[i].gate.sent.Load()))
	}
	return t
}

// latency is how long messages took that were due in a part of the run.
type latency struct {
	mu       sync.Mutex
	from, to atomic.Int64 // nanoseconds since the run began
	h        *hdrhistogram.Histogram
}

// Latency from a microsecond to a minute is told apart by three digits.
func newLatency() *latency {
	return &latency{h: hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)}
}

func (l *latency) note(due, now time.Duration) {
	if int64(due) < l.from.Load() || int64(due) >= l.to.Load() {
		return
	}
	us := min(max(1, (now-due).Microseconds()), l.h.HighestTrackableValue())
	l.mu.Lock()
	l.h.RecordValue(us)
	l.mu.Unlock()
}
