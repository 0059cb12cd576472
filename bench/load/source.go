package load

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// source is a publisher: it publishes to one topic.
type source struct {
	*wire
	number    uint32
	receivers uint32 // of each message
	credit    uint32 // messages that may be under way at once
	gate      gate

	batch  []byte // PUBLISH packets, all of the same length
	packet int    // that length, in bytes
	id     int    // where the packet identifier is in a packet, QoS 1 and 2
	stamp  int    // where the payload begins
	nextID uint16
}

// gate holds a source back. One goroutine passes it, many open it.
type gate struct {
	sent      atomic.Uint32 // messages
	delivered atomic.Uint64 // messages times receivers
	acked     atomic.Uint32 // messages at QoS 1 and 2
	waiting   atomic.Bool
	opened    chan struct{}
}

func newSource(w *wire, number uint32, topic string, c *Config, receivers int) *source {
	s := &source{wire: w, number: number, receivers: uint32(receivers), credit: uint32(c.Credit)}
	s.gate.opened = make(chan struct{}, 1)
	p := packets.Publish{QoS: c.QoS, Topic: []byte(topic), Payload: make([]byte, c.Size)}
	if c.QoS > 0 {
		p.PacketID = 1
	}
	for range c.Batch {
		s.batch = p.AppendTo(s.batch, c.Version)
	}
	s.packet = len(s.batch) / c.Batch
	s.stamp = s.packet - c.Size
	s.id = s.stamp - 2
	if c.Version == packets.V5 {
		s.id-- // the length of the properties
	}
	return s
}

// publish writes the next n messages, which are due now, with one system call.
func (s *source) publish(n int, due time.Duration, qos packets.QoS) error {
	sent := s.gate.sent.Load()
	for i := range n {
		p := s.batch[i*s.packet:][:s.packet]
		stamp{s.number, sent + uint32(i), due}.put(p[s.stamp:])
		if qos > 0 {
			s.nextID = max(1, s.nextID+1)
			binary.BigEndian.PutUint16(p[s.id:], s.nextID)
		}
	}
	s.gate.sent.Store(sent + uint32(n))
	_, err := s.Write(s.batch[:n*s.packet])
	return err
}

// room is whether n more messages may be under way.
func (s *source) room(n int, qos packets.QoS) bool {
	sent := s.gate.sent.Load() + uint32(n)
	if qos > 0 && sent-s.gate.acked.Load() > window {
		return false
	}
	done := uint32(s.gate.delivered.Load() / uint64(s.receivers))
	return sent-done <= s.credit
}

// await returns when n more messages may be under way, or false when stop is closed.
func (s *source) await(n int, qos packets.QoS, stop <-chan struct{}) bool {
	for !s.room(n, qos) {
		s.gate.waiting.Store(true)
		if s.room(n, qos) {
			s.gate.waiting.Store(false)
			break
		}
		select {
		case <-s.gate.opened:
		case <-stop:
			return false
		}
	}
	return true
}

// open is called when more may be under way.
func (g *gate) open() {
	if g.waiting.Load() && g.waiting.CompareAndSwap(true, false) {
		select {
		case g.opened <- struct{}{}:
		default:
		}
	}
}

// acknowledge reads what the broker answers, until it ends the connection.
func (s *source) acknowledge() error {
	for {
		acked := uint32(0)
		err := s.turn(func(first byte, body []byte) error {
			switch packets.Type(first >> 4) {
			case packets.TypePuback, packets.TypePubcomp:
				acked++
			case packets.TypePubrec:
				s.out = append(s.out, byte(packets.TypePubrel)<<4|2, 2, body[0], body[1])
			default:
				return fmt.Errorf("the broker sends %v to a publisher", packets.Type(first>>4))
			}
			if len(body) > 2 && body[2] >= 0x80 {
				return fmt.Errorf("the broker answers %v to PUBLISH", packets.ReasonCode(body[2]))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if acked > 0 {
			s.gate.acked.Add(acked)
			s.gate.open()
		}
	}
}
