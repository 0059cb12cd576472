package load

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// peer is a server that does what a test says. It passes each PUBLISH on to everybody
// who has subscribed, one after the other.
type peer struct {
	version packets.Version
	refuse  packets.ReasonCode // CONNECT
	granted packets.ReasonCode // added to the QoS in SUBACK
	mute    packets.Type       // is not answered
	ends    packets.Type       // ends the connection

	// publish is called with each PUBLISH and its number, and gives what is delivered
	// instead of it.
	publish func(n int, p *packets.Publish) []*packets.Publish
	// hold is called before a PUBLISH is read.
	hold func(n int)
	// acknowledge gives the packet identifier of a PUBACK, 0 for none.
	acknowledge func(p *packets.Publish) uint16

	events   chan event
	done     sync.WaitGroup
	sinks    []net.Conn
	messages int
}

type event struct {
	conn  net.Conn
	first byte
	body  []byte
}

// start has p handle what comes, until end is called and all connections have ended.
func (p *peer) start() (end func()) {
	if p.version == 0 {
		p.version = packets.V311
	}
	p.events = make(chan event, 1<<16) // so that no client waits for another
	var handling sync.WaitGroup
	handling.Go(func() {
		for e := range p.events {
			p.handle(e)
		}
	})
	return func() {
		p.done.Wait()
		close(p.events)
		handling.Wait()
	}
}

func (p *peer) dial(context.Context) (net.Conn, error) {
	near, server := net.Pipe()
	p.done.Go(func() {
		defer server.Close()
		in := frame.Splitter{Version: p.version}
		buf := make([]byte, 4096)
		for read := 0; ; {
			if p.hold != nil {
				p.hold(read)
			}
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			in.Feed(buf[:n])
			for first, body, ok := in.Next(); ok; first, body, ok = in.Next() {
				t := packets.Type(first >> 4)
				if t == p.ends {
					return
				}
				if t == packets.TypePublish {
					read++
				}
				p.events <- event{server, first, append([]byte(nil), body...)}
			}
		}
	})
	return near, nil
}

func (p *peer) handle(e event) {
	answer := func(a packets.Packet) { e.conn.Write(a.AppendTo(nil, p.version)) }
	t := packets.Type(e.first >> 4)
	if t == p.mute {
		return
	}
	switch t {
	case packets.TypeConnect:
		answer(&packets.Connack{Reason: p.refuse})
	case packets.TypeSubscribe:
		var s packets.Subscribe
		s.Decode(e.first, e.body, p.version)
		p.sinks = append(p.sinks, e.conn)
		answer(&packets.Suback{PacketID: s.PacketID, Reasons: []packets.ReasonCode{packets.ReasonCode(s.Filters[0].QoS) + p.granted}})
	case packets.TypePublish:
		var m packets.Publish
		m.Decode(e.first, e.body, p.version)
		all := []*packets.Publish{&m}
		if p.publish != nil {
			all = p.publish(p.messages, &m)
		}
		p.messages++
		for _, m := range all {
			for _, sink := range p.sinks {
				sink.Write(m.AppendTo(nil, p.version))
			}
		}
		if m.QoS > 0 {
			id := m.PacketID
			if p.acknowledge != nil {
				id = p.acknowledge(&m)
			}
			if id != 0 {
				answer(&packets.Puback{PacketID: id})
			}
		}
	}
}

// against runs c with p for a second, at 1000 messages a second of one publisher.
func (p *peer) against(t *testing.T, c Config) (*Result, error) {
	defer p.start()()
	c.Dial = p.dial
	if c.Scenario == "" {
		c.Scenario, c.Publishers, c.Rate = "pairs", 1, 1000
		c.Warmup, c.Duration = 10500*time.Microsecond, time.Second
	}
	c.Version = p.version
	return Run(t.Context(), c)
}
