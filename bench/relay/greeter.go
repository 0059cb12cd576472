//go:build linux

package main

import (
	"fmt"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// atOnce is how much is read with one system call.
const atOnce = 256 << 10

// greeter speaks MQTT with a client until it publishes.
type greeter struct {
	in      frame.Splitter
	answers []byte   // to be written
	filters []string // subscribed to since feed was called
}

// feed takes what a client has sent. When there is a PUBLISH in it, topic is that of
// the first one, and begin is what is to be relayed: it and all behind it.
func (g *greeter) feed(piece []byte) (topic string, begin []byte, err error) {
	g.answers, g.filters = g.answers[:0], g.filters[:0]
	g.in.Limit = 1 << 20
	g.in.Feed(piece)
	for {
		first, body, ok := g.in.Next()
		if !ok {
			return "", nil, g.in.Err()
		}
		switch t := packets.Type(first >> 4); t {
		case packets.TypeConnect:
			err = g.connect(first, body)
		case packets.TypeSubscribe:
			err = g.subscribe(first, body)
		case packets.TypePublish:
			var p packets.Publish
			if err := p.Decode(first, body, g.in.Version); err != nil {
				return "", nil, err
			}
			return string(p.Topic), append(p.AppendTo(nil, g.in.Version), g.in.Rest()...), nil
		default:
			err = fmt.Errorf("%v: expected CONNECT, SUBSCRIBE or PUBLISH", t)
		}
		if err != nil {
			return "", nil, err
		}
	}
}

func (g *greeter) connect(first byte, body []byte) error {
	var c packets.Connect
	if err := c.Decode(first, body, 0); err != nil {
		return err
	}
	g.in.Version = c.Version
	g.answers = (&packets.Connack{}).AppendTo(g.answers, c.Version)
	return nil
}

func (g *greeter) subscribe(first byte, body []byte) error {
	var s packets.Subscribe
	if err := s.Decode(first, body, g.in.Version); err != nil {
		return err
	}
	ack := packets.Suback{PacketID: s.PacketID}
	for _, f := range s.Filters {
		g.filters = append(g.filters, string(f.Filter))
		ack.Reasons = append(ack.Reasons, packets.GrantedQoS0)
	}
	g.answers = ack.AppendTo(g.answers, g.in.Version)
	return nil
}
