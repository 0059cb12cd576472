//go:build linux

package main

import (
	"net"
	"sync"

	"github.com/fletchmq/fletch/packets"
)

// sink stands in for a broker, for one client: it takes everything in, checks it and
// acknowledges it, and routes nothing. It floods a client that is ready, and answers
// requests.
type sink struct {
	net.Listener
	row
	topic   string
	ledger  ledger
	running sync.WaitGroup
}

func openSink(topic string, r row) (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{Listener: l, row: r, topic: topic}
	s.running.Go(func() {
		if conn, err := l.Accept(); err == nil {
			s.serve(conn)
		}
	})
	return s, nil
}

func (s *sink) serve(conn net.Conn) {
	defer conn.Close()
	c := &served{wire: newWire(conn), sink: s, credit: newCredit(inFlight)}
	c.decode = new(packets.FromClient).Decode
	defer c.credit.end()
	for err := error(nil); err == nil; {
		c.acked = 0
		err = c.turn(c.handle)
		c.credit.give(c.acked)
	}
}

// close waits until the client has gone.
func (s *sink) close() tally {
	s.Close()
	s.running.Wait()
	return s.ledger.sum()
}

// served is the client of a sink.
type served struct {
	*wire
	sink   *sink
	credit *credit
	acked  int // in this turn
}

func (c *served) handle(p packets.Packet) error {
	var reply packets.Packet
	switch p := p.(type) {
	case *packets.Connect:
		c.version, c.in.Version = p.Version, p.Version
		reply = &packets.Connack{}
	case *packets.Subscribe:
		reply = &packets.Suback{PacketID: p.PacketID, Reasons: []packets.ReasonCode{packets.ReasonCode(p.Filters[0].QoS)}}
	case *packets.Publish:
		c.publish(p)
	case *packets.Pubrel:
		reply = &packets.Pubcomp{PacketID: p.PacketID}
	case *packets.Puback:
		c.acked++
	case *packets.Pingreq:
		reply = &packets.Pingresp{}
	}
	if reply != nil {
		c.out = reply.AppendTo(c.out, c.version)
	}
	return nil
}

func (c *served) publish(p *packets.Publish) {
	switch p.QoS {
	case packets.AtLeastOnce:
		c.out = (&packets.Puback{PacketID: p.PacketID}).AppendTo(c.out, c.version)
	case packets.ExactlyOnce:
		c.out = (&packets.Pubrec{PacketID: p.PacketID}).AppendTo(c.out, c.version)
	}
	switch string(p.Topic) {
	case c.sink.topic:
		c.sink.ledger.note(p.Payload)
	case ready:
		f := newFlood(c.sink.row, c.sink.topic, c.version, c.credit)
		c.sink.running.Go(func() { f.run(c.Conn) })
	case requests:
		c.out = answer(p).AppendTo(c.out, c.version)
	}
}
