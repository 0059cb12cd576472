package client

import (
	"errors"
	"fmt"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// handle is what the reader does with a packet of size bytes. An error ends the
// connection.
func (c *Client) handle(p packets.Packet, size int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return nil
	}
	switch p := p.(type) {
	case *packets.Publish:
		return c.onPublish(p, size)
	case *packets.Pubrel:
		c.owed++
		reason := c.in.Pubrel(flow.InID(p.PacketID))
		answer := packets.Pubcomp{PacketID: p.PacketID, Reason: reason}
		c.buf = answer.AppendTo(c.buf, c.cfg.Version) // [MQTT-4.3.3-11]
		return nil
	case *packets.Puback:
		r, o := c.out.Puback(flow.OutID(p.PacketID))
		detail, _ := p.Props.ReasonString()
		return c.acknowledged(packets.TypePuback, p.PacketID, p.Reason, detail, r, o)
	case *packets.Pubrec:
		r, o := c.out.Pubrec(flow.OutID(p.PacketID), p.Reason)
		detail, _ := p.Props.ReasonString()
		return c.acknowledged(packets.TypePubrec, p.PacketID, p.Reason, detail, r, o)
	case *packets.Pubcomp:
		r, o := c.out.Pubcomp(flow.OutID(p.PacketID))
		detail, _ := p.Props.ReasonString()
		return c.acknowledged(packets.TypePubcomp, p.PacketID, p.Reason, detail, r, o)
	case *packets.Suback:
		detail, _ := p.Props.ReasonString()
		return c.onSuback(p, string(detail))
	case *packets.Unsuback:
		detail, _ := p.Props.ReasonString()
		return c.onUnsuback(p, string(detail))
	case *packets.Pingresp:
		c.onPingresp()
		return nil
	case *packets.Disconnect:
		detail, _ := p.Props.ReasonString()
		return &RefusedError{Packet: packets.TypeDisconnect, Reason: p.Reason, Detail: string(detail)}
	case *packets.Connack:
		return packets.Broken(c.cfg.Version, packets.TypeConnack, connackOnce)
	case *packets.Auth:
		return packets.Broken(c.cfg.Version, packets.TypeAuth, authUnasked)
	}
	return errors.ErrUnsupported
}

func (c *Client) onPingresp() {
	if len(c.pings) == 0 {
		return
	}
	p := &c.pings[0]
	if p.n--; p.n > 0 {
		return
	}
	if p.r != nil {
		p.r.done <- nil
	}
	c.pings = c.pings[1:]
}

func (c *Client) onSuback(p *packets.Suback, detail string) error {
	r, o := c.out.Reply(flow.OutID(p.PacketID))
	switch {
	case o == flow.Misplaced:
		return packets.Broken(c.cfg.Version, packets.TypeSuback, ackMisplaced)
	case o != flow.Finished:
		return nil
	case r.kind != packets.TypeSubscribe:
		return c.spoilt(r, packets.Broken(c.cfg.Version, packets.TypeSuback, ackMisplaced))
	case len(p.Reasons) != len(r.filters):
		return c.spoilt(r, packets.Broken(c.cfg.Version, packets.TypeSuback, codesMissing))
	}
	r.detail = detail
	r.codes = append(r.codes, p.Reasons...)
	for i, code := range r.codes {
		c.inbox.subscribed(r.filters[i], r.claims[i], code < packets.UnspecifiedError)
	}
	r.done <- nil
	return nil
}

func (c *Client) onUnsuback(p *packets.Unsuback, detail string) error {
	r, o := c.out.Reply(flow.OutID(p.PacketID))
	switch {
	case o == flow.Misplaced:
		return packets.Broken(c.cfg.Version, packets.TypeUnsuback, ackMisplaced)
	case o != flow.Finished:
		return nil
	case r.kind != packets.TypeUnsubscribe:
		return c.spoilt(r, packets.Broken(c.cfg.Version, packets.TypeUnsuback, ackMisplaced))
	case c.cfg.Version == packets.V5 && len(p.Reasons) != len(r.filters):
		return c.spoilt(r, packets.Broken(c.cfg.Version, packets.TypeUnsuback, codesUnsub))
	}
	r.detail = detail
	r.codes = append(r.codes, p.Reasons...)
	for i, filter := range r.filters {
		if i >= len(r.codes) || r.codes[i] < packets.UnspecifiedError {
			c.inbox.unsubscribed(filter, r.claims[i])
		}
	}
	r.done <- nil
	return nil
}

// spoilt tells r that its answer was broken, with which the connection ends.
func (c *Client) spoilt(r *request, broken error) error {
	r.done <- failed(ErrUnknown, fmt.Errorf("%w: %w", ErrClosed, broken))
	return broken
}

// onPublish gives a message to those who wait for it.
func (c *Client) onPublish(p *packets.Publish, size int) error {
	topic := p.Topic
	if alias, ok := p.Props.TopicAlias(); ok {
		resolved, reason := c.aliases.Resolve(alias, topic)
		switch reason {
		case packets.Success:
		case packets.TopicAliasInvalid:
			return packets.Broken(c.cfg.Version, packets.TypePublish, aliasInvalid)
		default:
			return packets.Broken(c.cfg.Version, packets.TypePublish, aliasUnset)
		}
		topic = resolved
		p.Props.Unset(packets.PropTopicAlias) // it says nothing beyond this connection
	}
	d := &delivery{cost: size + messageCost}
	switch {
	case p.QoS == packets.AtMostOnce && c.queued >= dropAt:
		c.dropped++
		return nil
	case c.queued >= endAt:
		return errFull
	case p.QoS != packets.AtMostOnce:
		receipt, arrival := c.in.Publish(flow.InID(p.PacketID), p.QoS)
		switch arrival {
		case flow.Duplicate: // [MQTT-4.3.3-10]
			c.acknowledge()
			return nil
		case flow.Excess:
			return packets.Broken(c.cfg.Version, packets.TypePublish, windowExceeded)
		}
		d.receipt = receipt
	}
	d.message = Message{
		Topic: string(topic), Payload: p.Payload,
		QoS: p.QoS, Retain: p.Retain, Dup: p.Dup, Props: p.Props,
	}
	p.Props = packets.PublishProps{} // the message has it now, and what it points to
	c.route(d)
	return nil
}
