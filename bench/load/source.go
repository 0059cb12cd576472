package load

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// source is a publisher.
type source struct {
	*wire
	number    uint32 // in the stamps of its messages
	qos       packets.QoS
	receivers int64 // of a message, at most
	credit    int64 // messages that may be under way at once
	route     route // nil when all messages go to one topic
	gate      gate

	batch  []byte // PUBLISH packets, all of the same length
	packet int    // that length, in bytes
	topic  int    // where the topic is in a packet, up to name
	name   int
	id     int // where the packet identifier is, QoS 1 and 2
	stamp  int // where the payload begins

	owed atomic.Int64  // messages that are due and not sent, in an open loop
	wake chan struct{} // see catchUp
	pong chan struct{} // a PINGRESP has come
}

// route leads the messages of a source to different topics.
type route interface {
	// put writes the topic of message n over a topic of the same length, once for each
	// n, in order. It gives the sequence number of the message, and its receivers.
	put(topic []byte, n uint64) (sequence uint32, receivers int64)

	// topic is one of that length.
	topic() []byte

	// sent is how many messages have gone to a sink, once no more are put.
	sent(sink int) uint64
}

// newSource is for messages like p, with an empty payload of Size.
func newSource(w *wire, number uint32, p packets.Publish, c *Config, receivers int) *source {
	batch := max(1, c.Batch)
	s := &source{wire: w, number: number, qos: c.QoS, receivers: int64(receivers), credit: int64(max(batch, c.Credit))}
	s.gate.opened, s.wake, s.pong = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	p.QoS, p.Payload = c.QoS, make([]byte, c.Size)
	if c.QoS > 0 {
		p.PacketID = 1
	}
	for range batch {
		s.batch = p.AppendTo(s.batch, c.Version)
	}
	s.packet = len(s.batch) / batch
	s.stamp = s.packet - c.Size
	s.name = s.stamp
	if c.Version == packets.V5 {
		s.name-- // the length of the properties
	}
	if c.QoS > 0 {
		s.name -= 2
	}
	s.id, s.topic = s.name, s.name-len(p.Topic)
	return s
}

// publish writes the next n messages, which are due now, with one system call.
func (s *source) publish(n int, due time.Duration) error {
	sent, expected := s.gate.sent.Load(), int64(0)
	for i := range n {
		p := s.batch[i*s.packet:][:s.packet]
		number := sent + uint64(i)
		sequence, receivers := uint32(number), s.receivers
		if s.route != nil {
			sequence, receivers = s.route.put(p[s.topic:s.name], number)
		}
		stamp{s.number, sequence, due}.put(p[s.stamp:])
		if s.qos > 0 {
			binary.BigEndian.PutUint16(p[s.id:], identifier(number))
		}
		expected += receivers
	}
	s.gate.expected.Add(expected)
	s.gate.sent.Store(sent + uint64(n))
	_, err := s.Write(s.batch[:n*s.packet])
	return ended(err)
}

// allowed is whether n more messages may be unacknowledged.
func (s *source) allowed(n int) bool {
	return s.qos == 0 || s.gate.sent.Load()-s.gate.acked.Load()+uint64(n) <= window
}

// room is whether n more messages may be under way.
func (s *source) room(n int) bool {
	underWay := s.gate.expected.Load() - s.gate.delivered.Load()
	return s.allowed(n) && underWay+int64(n)*s.receivers <= s.credit*s.receivers
}

// sentTo is how many messages a sink is to get, once no more are sent.
func (s *source) sentTo(sink int) uint64 {
	if s.route != nil {
		return s.route.sent(sink)
	}
	return s.gate.sent.Load()
}

// acknowledge reads what the broker answers, until it ends the connection.
func (s *source) acknowledge() error {
	for {
		if err := s.turn(s.answer); err != nil {
			return fmt.Errorf("%s: %w", s.clientID, err)
		}
		s.gate.open()
	}
}

func (s *source) answer(first byte, body []byte) error {
	t := packets.Type(first >> 4)
	switch t {
	case packets.TypePuback, packets.TypePubrec, packets.TypePubcomp:
	case packets.TypePingresp:
		s.pong <- struct{}{}
		return nil
	default:
		return fmt.Errorf("the broker sends %v to a publisher", t)
	}
	switch {
	case len(body) < 2:
		return fmt.Errorf("the broker sends %v of %d bytes", t, len(body))
	case len(body) > 2 && body[2] >= byte(packets.UnspecifiedError):
		return fmt.Errorf("the broker answers 0x%02X (%v) to PUBLISH", body[2], packets.ReasonCode(body[2]))
	case t == packets.TypePubrec:
		s.out = append(s.out, byte(packets.TypePubrel)<<4|2, 2, body[0], body[1])
		return nil
	}
	return s.gate.acknowledge(binary.BigEndian.Uint16(body))
}
