package client

import (
	"strings"

	"github.com/fletchmq/fletch/packets"
)

const (
	// mostReceive is the Receive Maximum of who cannot say one.
	mostReceive = 65_535

	// maxAliases is how many topic aliases are used towards the server.
	maxAliases = 256
)

// limits are what a server has said in CONNACK that it does, section 3.2.2.3.
type limits struct {
	receiveMaximum    uint16
	topicAliasMaximum uint16
	maximumPacketSize uint32 // 0: none
	maximumQoS        packets.QoS
	retain            bool
	wildcards         bool
	shared            bool
	identifiers       bool
}

// limitsOf fills in the defaults, which are also those of earlier versions.
func limitsOf(p *packets.ConnackProps) (l limits) {
	l.receiveMaximum, _ = p.ReceiveMaximum()
	l.topicAliasMaximum, _ = p.TopicAliasMaximum()
	l.maximumPacketSize, _ = p.MaximumPacketSize()
	l.maximumQoS, _ = p.MaximumQoS()
	l.retain, _ = p.RetainAvailable()
	l.wildcards, _ = p.WildcardSubscriptionAvailable()
	l.shared, _ = p.SharedSubscriptionAvailable()
	l.identifiers, _ = p.SubscriptionIdentifierAvailable()
	return l
}

// checkPublish reports why p cannot be sent to any server.
func checkPublish(p *packets.Publish, v packets.Version) error {
	if err := p.Validate(v); err != nil {
		return invalid("topic %q: %w", p.Topic, err)
	}
	if p.Props.Has().Has(packets.PropTopicAlias) {
		return invalid("PUBLISH with a topic alias, which is not for the caller to set")
	}
	if p.Props.Has().Has(packets.PropSubscriptionIdentifier) { // [MQTT-3.3.4-6]
		return invalid("PUBLISH with a subscription identifier, which only servers send")
	}
	return nil
}

// checkPublish reports why p cannot be sent to this server.
func (l *limits) checkPublish(p *packets.Publish, v packets.Version) error {
	switch {
	case p.QoS > l.maximumQoS: // [MQTT-3.2.2-11]
		return ruledOut(packets.QoSNotSupported)
	case p.Retain && !l.retain: // [MQTT-3.2.2-14]
		return ruledOut(packets.RetainNotSupported)
	}
	return l.checkSize(p, v)
}

// checkSize reports whether p is too large to be sent [MQTT-3.2.2-15].
func (l *limits) checkSize(p packets.Packet, v packets.Version) error {
	if l.maximumPacketSize != 0 && !l.fits(p.Size(v)) {
		return ruledOut(packets.PacketTooLarge)
	}
	return nil
}

// fits reports whether a packet with so much behind its fixed header may be sent.
func (l *limits) fits(size int) bool {
	if l.maximumPacketSize == 0 {
		return true
	}
	for rest := size; ; rest >>= 7 { // the length of the Remaining Length
		size++
		if rest < 0x80 {
			return uint32(size+1) <= l.maximumPacketSize
		}
	}
}

func checkSubscribe(p *packets.Subscribe, v packets.Version) error {
	if len(p.Filters) == 0 { // [MQTT-3.8.3-2]
		return invalid("no topic filter")
	}
	for i := range p.Filters { // one by one, so that the error names it
		one := packets.Subscribe{PacketID: p.PacketID, Filters: p.Filters[i : i+1]}
		if err := one.Validate(v); err != nil {
			return invalid("filter %q: %w", p.Filters[i].Filter, err)
		}
	}
	if err := p.Validate(v); err != nil {
		return failed(ErrInvalid, err)
	}
	return nil
}

// checkSubscribe reports why p cannot be sent to this server.
func (l *limits) checkSubscribe(p *packets.Subscribe, v packets.Version) error {
	for i := range p.Filters {
		filter := string(p.Filters[i].Filter)
		switch {
		case !l.wildcards && strings.ContainsAny(filter, "+#"):
			return ruledOut(packets.WildcardSubscriptionsNotSupported)
		case !l.shared && strings.HasPrefix(filter, "$share/"):
			return ruledOut(packets.SharedSubscriptionsNotSupported)
		}
	}
	return l.checkSize(p, v)
}

// ruledOut is the refusal of what the server has said it does not do.
func ruledOut(reason packets.ReasonCode) error {
	return &RefusedError{Packet: packets.TypeConnack, Reason: reason}
}
