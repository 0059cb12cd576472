package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// backlogLimit is how many messages may have to come to a receiver before publishers
// wait for it.
const backlogLimit = 5000

// publisher is a client that publishes at one QoS, with a session of its own. What is
// under way it sends again to whoever has the session, section 4.4.
type publisher struct {
	*world
	rng      *rand.Rand
	client   string
	v        packets.Version
	qos      packets.QoS
	retain   bool
	topics   []string
	window   int // messages under way at most
	underWay []*exchange
}

// exchange is a message under way.
type exchange struct {
	packet   packets.Publish
	topic    string
	number   int
	received bool // PUBREC has come
}

// run publishes until the end of the load, and finishes what is under way.
func (p *publisher) run(ctx context.Context) {
	for {
		l, connack, err := p.join(ctx, p.v, persistent(p.client))
		if err != nil {
			return
		}
		err = p.serve(l, connack)
		l.close()
		if err == nil || ctx.Err() != nil {
			return
		}
	}
}

// persistent is the CONNECT of a session that lasts.
func persistent(client string) *packets.Connect {
	c := &packets.Connect{ClientID: []byte(client)}
	c.Props.SetSessionExpiryInterval(24 * 60 * 60)
	return c
}

// serve publishes over one connection. It is nil when all is done.
func (p *publisher) serve(l *link, connack *packets.Connack) error {
	if p.retain {
		if err := p.checkRetained(l.ctx, p.client, p.topics); err != nil {
			return err
		}
	}
	if connack.SessionPresent {
		p.resend(l)
	} else {
		p.underWay = nil // never with a broker that keeps sessions, see ledger.connected
	}
	window := p.window
	if most, ok := connack.Props.ReceiveMaximum(); ok && p.v == packets.V5 {
		window = min(window, int(most))
	}
	for until := 20 + p.rng.IntN([]int{300, 5000}[p.rng.IntN(2)]); until > 0; until-- { // then the connection is dropped
		for len(p.underWay) < window && p.mayPublish() {
			p.publish(l)
		}
		if err := l.flush(); err != nil {
			return err
		}
		if len(p.underWay) == 0 {
			if finished(p.finishing) {
				return nil
			}
			select {
			case <-l.ctx.Done():
				return errGone
			case <-time.After(5 * time.Millisecond): // for room
			}
			continue
		}
		x, err := l.next()
		if err != nil {
			return err
		}
		if err := p.handle(l, x); err != nil {
			return err
		}
	}
	return errGone
}

func (p *publisher) mayPublish() bool {
	return !finished(p.finishing) && p.ledger.backlog() < backlogLimit
}

func (p *publisher) publish(l *link) {
	topic := p.topics[p.rng.IntN(len(p.topics))]
	clearing := p.retain && p.rng.IntN(4) == 0
	x := &exchange{topic: topic, number: p.ledger.sending(p.client, topic, p.qos, clearing)}
	x.packet = packets.Publish{QoS: p.qos, Retain: p.retain, Topic: []byte(topic), PacketID: p.free()}
	if !clearing {
		fill(&x.packet, p.v, x.number, size(p.rng))
	}
	p.underWay = append(p.underWay, x)
	l.add(&x.packet)
}

// free is the lowest identifier that is not in use: one is used again soon.
func (p *publisher) free() uint16 {
	for id := uint16(1); ; id++ {
		if _, x := p.find(id); x == nil {
			return id
		}
	}
}

func (p *publisher) find(id uint16) (int, *exchange) {
	for i, x := range p.underWay {
		if x.packet.PacketID == id {
			return i, x
		}
	}
	return 0, nil
}

// resend is [MQTT-4.4.0-1], in the order in which it was sent.
func (p *publisher) resend(l *link) {
	for _, x := range p.underWay {
		if x.received {
			l.add(&packets.Pubrel{PacketID: x.packet.PacketID})
			continue
		}
		x.packet.Dup = true
		l.add(&x.packet)
	}
}

func (p *publisher) handle(l *link, answer packets.Packet) error {
	switch a := answer.(type) {
	case *packets.Puback:
		if i, x := p.find(a.PacketID); x != nil && p.qos == packets.AtLeastOnce && a.Reason < 0x80 {
			p.ledger.accepted(x.topic, x.number)
			p.finish(i, x)
			return nil
		}
	case *packets.Pubrec:
		if _, x := p.find(a.PacketID); x != nil && p.qos == packets.ExactlyOnce && a.Reason < 0x80 {
			if !x.received {
				x.received = true
				p.ledger.accepted(x.topic, x.number)
			}
			l.add(&packets.Pubrel{PacketID: a.PacketID})
			return nil
		}
	case *packets.Pubcomp:
		// 0x92 is when the broker had stored that it was complete.
		if i, x := p.find(a.PacketID); x != nil && x.received && (a.Reason < 0x80 || a.Reason == packets.PacketIdentifierNotFound) {
			p.finish(i, x)
			return nil
		}
	}
	return l.unexpected(answer)
}

func (p *publisher) finish(i int, x *exchange) {
	p.ledger.finished(x.topic, x.number)
	p.underWay = append(p.underWay[:i], p.underWay[i+1:]...)
}
