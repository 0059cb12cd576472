package client

import (
	"strings"

	"github.com/fletchmq/fletch/packets"
)

// limits are what a server has said in CONNACK that it does, section 3.2.2.3.
type limits struct {
	receiveMaximum    uint16
	maximumPacketSize uint32 // 0: none
	maximumQoS        packets.QoS
	retain            bool
	wildcards         bool
	shared            bool
}

// limitsOf fills in the defaults, which are also those of earlier versions.
func limitsOf(p *packets.ConnackProps) (l limits) {
	l.receiveMaximum, _ = p.ReceiveMaximum()
	l.maximumPacketSize, _ = p.MaximumPacketSize()
	l.maximumQoS, _ = p.MaximumQoS()
	l.retain, _ = p.RetainAvailable()
	l.wildcards, _ = p.WildcardSubscriptionAvailable()
	l.shared, _ = p.SharedSubscriptionAvailable()
	return l
}

// checkPublish reports why p cannot be sent.
func (c *Client) checkPublish(p *packets.Publish) error {
	if err := p.Validate(c.cfg.Version); err != nil {
		return failed(ErrInvalid, err)
	}
	if p.Props.Has().Has(packets.PropTopicAlias) {
		return invalid("PUBLISH with a topic alias, which is not for the caller to set")
	}
	if p.Props.Has().Has(packets.PropSubscriptionIdentifier) { // [MQTT-3.3.4-6]
		return invalid("PUBLISH with a subscription identifier, which only servers send")
	}
	switch {
	case p.QoS > c.limits.maximumQoS: // [MQTT-3.2.2-11]
		return ruledOut(packets.QoSNotSupported)
	case p.Retain && !c.limits.retain: // [MQTT-3.2.2-14]
		return ruledOut(packets.RetainNotSupported)
	}
	return c.checkSize(p)
}

// checkSize reports whether p is too large to be sent [MQTT-3.2.2-15].
func (c *Client) checkSize(p packets.Packet) error {
	size := p.Size(c.cfg.Version)
	for rest := size; ; rest >>= 7 { // the length of the Remaining Length
		size++
		if rest < 0x80 {
			break
		}
	}
	if most := c.limits.maximumPacketSize; most != 0 && uint32(size+1) > most {
		return ruledOut(packets.PacketTooLarge)
	}
	return nil
}

func (c *Client) checkSubscribe(p *packets.Subscribe) error {
	if len(p.Filters) == 0 { // [MQTT-3.8.3-2]
		return invalid("no topic filter")
	}
	if err := p.Validate(c.cfg.Version); err != nil {
		return failed(ErrInvalid, err)
	}
	for i := range p.Filters {
		filter := string(p.Filters[i].Filter)
		switch {
		case !c.limits.wildcards && strings.ContainsAny(filter, "+#"):
			return ruledOut(packets.WildcardSubscriptionsNotSupported)
		case !c.limits.shared && strings.HasPrefix(filter, "$share/"):
			return ruledOut(packets.SharedSubscriptionsNotSupported)
		}
	}
	return c.checkSize(p)
}

// ruledOut is the refusal of what the server has said it does not do.
func ruledOut(reason packets.ReasonCode) error {
	return &RefusedError{Packet: packets.TypeConnack, Reason: reason}
}
