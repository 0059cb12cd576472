package client

import (
	"errors"
	"fmt"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// maxHandled is how many packets are handled before others get Client.mu.
const maxHandled = 256

// handle is what the reader does with a packet, with Client.mu. An error ends the
// connection.
func (l *link) handle(first byte, body []byte) error {
	p, err := l.dec.Decode(first, body, l.version)
	if err != nil {
		return err
	}
	switch p := p.(type) {
	case *packets.Publish:
		return l.onPublish(p, first, body)
	case *packets.Pubrel:
		l.c.unhold(l, flow.InID(p.PacketID))
		return nil
	case *packets.Puback:
		e, o := l.c.out.Puback(flow.OutID(p.PacketID))
		detail, _ := p.Props.ReasonString()
		return l.acknowledged(packets.TypePuback, p.PacketID, p.Reason, detail, e, o)
	case *packets.Pubrec:
		e, o := l.c.out.Pubrec(flow.OutID(p.PacketID), p.Reason)
		detail, _ := p.Props.ReasonString()
		return l.acknowledged(packets.TypePubrec, p.PacketID, p.Reason, detail, e, o)
	case *packets.Pubcomp:
		e, o := l.c.out.Pubcomp(flow.OutID(p.PacketID))
		detail, _ := p.Props.ReasonString()
		return l.acknowledged(packets.TypePubcomp, p.PacketID, p.Reason, detail, e, o)
	case *packets.Suback:
		detail, _ := p.Props.ReasonString()
		return l.onSuback(p, string(detail))
	case *packets.Unsuback:
		detail, _ := p.Props.ReasonString()
		return l.onUnsuback(p, string(detail))
	case *packets.Pingresp:
		l.onPingresp()
		return nil
	case *packets.Disconnect:
		return l.onDisconnect(p)
	case *packets.Connack:
		return packets.Broken(l.version, packets.TypeConnack, connackOnce)
	case *packets.Auth:
		return l.onAuth(p)
	}
	return errors.ErrUnsupported
}

// acknowledged handles PUBACK, PUBREC and PUBCOMP, after flow has.
func (l *link) acknowledged(t packets.Type, id uint16, reason packets.ReasonCode, detail []byte, e exchange, o flow.Outcome) error {
	switch o {
	case flow.Finished:
		err := refusal(t, reason, detail)
		if reason == packets.PacketIdentifierNotFound && t == packets.TypePubcomp && e.p.releasing != l {
			err = nil // the server has sent PUBCOMP before: no error during recovery, section 3.7.2.1
		}
		if err != nil && t == packets.TypePubcomp {
			err = failed(ErrUnknown, err) // accepted with PUBREC, and then lost sight of
		}
		l.c.finish(e.p, err)
	case flow.Released:
		e.p.releasing = l
		l.c.out.Swap(flow.OutID(id), e)
		l.c.released(l, e.p, flow.OutID(id))
	case flow.Repeated:
		l.c.releasedAgain(l, flow.OutID(id))
	case flow.Unknown:
		if t == packets.TypePubrec {
			l.pubrel(id, packets.PacketIdentifierNotFound)
		}
	case flow.Misplaced:
		return packets.Broken(l.version, t, ackMisplaced)
	}
	return nil
}

func (l *link) pubrel(id uint16, reason packets.ReasonCode) {
	l.owed++
	p := packets.Pubrel{PacketID: id, Reason: reason}
	l.buf = p.AppendTo(l.buf, l.version)
}

func (l *link) pubcomp(id uint16, reason packets.ReasonCode) {
	l.owed++
	p := packets.Pubcomp{PacketID: id, Reason: reason}
	l.buf = p.AppendTo(l.buf, l.version) // [MQTT-4.3.3-11]
}

func (l *link) onPingresp() {
	if len(l.pings) == 0 {
		return
	}
	p := &l.pings[0]
	if p.n--; p.n > 0 {
		return
	}
	if p.r != nil {
		p.r.done <- nil
	}
	l.pings = l.pings[1:]
}

func (l *link) onDisconnect(p *packets.Disconnect) error {
	detail, _ := p.Props.ReasonString()
	refused := &RefusedError{Packet: packets.TypeDisconnect, Reason: p.Reason, Detail: string(detail)}
	if reference, ok := p.Props.ServerReference(); ok {
		refused.Reference = string(reference)
	}
	return refused
}

func (l *link) onSuback(p *packets.Suback, detail string) error {
	e, o := l.c.out.Reply(flow.OutID(p.PacketID))
	r := e.r
	switch {
	case o == flow.Misplaced:
		return packets.Broken(l.version, packets.TypeSuback, ackMisplaced)
	case o != flow.Finished:
		return nil
	case r.kind != packets.TypeSubscribe:
		return r.spoilt(packets.Broken(l.version, packets.TypeSuback, ackMisplaced))
	case len(p.Reasons) != len(r.filters):
		return r.spoilt(packets.Broken(l.version, packets.TypeSuback, codesMissing))
	}
	r.detail = detail
	r.codes = append(r.codes, p.Reasons...)
	for i, code := range r.codes {
		l.c.subscribed(r.filters[i], r.claims[i], code < packets.UnspecifiedError)
	}
	if r.again {
		l.c.subscribedAgain(r)
	}
	r.done <- nil
	return nil
}

func (l *link) onUnsuback(p *packets.Unsuback, detail string) error {
	e, o := l.c.out.Reply(flow.OutID(p.PacketID))
	r := e.r
	switch {
	case o == flow.Misplaced:
		return packets.Broken(l.version, packets.TypeUnsuback, ackMisplaced)
	case o != flow.Finished:
		return nil
	case r.kind != packets.TypeUnsubscribe:
		return r.spoilt(packets.Broken(l.version, packets.TypeUnsuback, ackMisplaced))
	case l.version == packets.V5 && len(p.Reasons) != len(r.filters):
		return r.spoilt(packets.Broken(l.version, packets.TypeUnsuback, codesUnsub))
	}
	r.detail = detail
	r.codes = append(r.codes, p.Reasons...)
	for i, filter := range r.filters {
		if i >= len(r.codes) || r.codes[i] < packets.UnspecifiedError {
			l.c.unsubscribed(filter, r.claims[i])
		}
	}
	r.done <- nil
	return nil
}

// spoilt tells r that its answer was broken, with which the connection ends.
func (r *request) spoilt(broken error) error {
	r.done <- failed(ErrUnknown, fmt.Errorf("%w: %w", ErrClosed, broken))
	return broken
}

// onPublish gives a message to those who wait for it.
func (l *link) onPublish(p *packets.Publish, first byte, body []byte) error {
	topic := p.Topic
	if alias, ok := p.Props.TopicAlias(); ok {
		resolved, reason := l.alias.Resolve(alias, topic)
		switch reason {
		case packets.Success:
		case packets.TopicAliasInvalid:
			return packets.Broken(l.version, packets.TypePublish, aliasInvalid)
		default:
			return packets.Broken(l.version, packets.TypePublish, aliasUnset)
		}
		topic = resolved
	}
	c := l.c
	x := arrival{publish: p, topic: topic, first: first, body: body, version: l.version, link: c.links, cost: len(body) + messageCost}
	c.counts.received++
	switch {
	case p.QoS == packets.AtMostOnce && c.queued >= dropAt:
		c.counts.missed++
		return nil
	case c.queued >= endAt:
		return errFull
	case p.QoS != packets.AtMostOnce:
		var what flow.Arrival
		x.receipt, what = c.in.Publish(flow.InID(p.PacketID), p.QoS)
		switch what {
		case flow.Duplicate: // [MQTT-4.3.3-10]
			c.acknowledge()
			return nil
		case flow.Excess:
			return packets.Broken(l.version, packets.TypePublish, windowExceeded)
		}
	}
	c.route(l, &x)
	return nil
}
