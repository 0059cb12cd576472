package session

import (
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// Encoder is memory to make PUBLISH packets in. The zero Encoder is ready for
// use, by one goroutine at a time and for any number of lines.
type Encoder struct {
	plain   packets.Publish
	labeled packets.Publish // has memory for Subscription Identifiers
}

// Append appends the PUBLISH that brings d to the peer of l, but for the payload it
// gives, which belongs behind that. Once it has, d has to be sent, before any other
// of l.
func (e *Encoder) Append(b []byte, l *Line, d *Delivery) (head, payload []byte) {
	if d.Identifiers == nil && l.aliases == nil && d.Message.fits(l.peer.Version, d.QoS) {
		return d.Message.appendAs(b, d), nil
	}
	return e.appendHead(b, l, d), d.Message.Publish.Payload
}

func (e *Encoder) appendHead(b []byte, l *Line, d *Delivery) []byte {
	p := &e.plain
	if len(d.Identifiers) == 0 {
		*p = d.Message.Publish
	} else {
		p = &e.labeled
		forward(p, &d.Message.Publish)
		for _, id := range d.Identifiers { // [MQTT-3.3.4-3] [MQTT-3.3.4-4]
			p.Props.AddSubscriptionIdentifier(id)
		}
	}
	p.Dup = d.Dup // [MQTT-3.3.1-1] [MQTT-3.3.1-3] [MQTT3-3.3.1-1] [MQTT3-3.3.1-3]
	p.QoS, p.Retain, p.PacketID = d.QoS, d.Retain, d.PacketID
	if d.Message.Expires() {
		p.Props.SetMessageExpiryInterval(d.Left) // [MQTT-3.3.2-6]
	}
	if l.aliases != nil && l.peer.takes(d.Message.packetSize(l.peer.Version, d.Terms, aliasSize)) {
		alias(l.aliases, p)
	}
	return p.AppendHead(b, l.peer.Version)
}

// alias puts an alias beside the topic, or in its place if the peer knows it.
func alias(aliases *flow.AliasOut, p *packets.Publish) {
	number, known := aliases.Use(p.Topic)
	if number == 0 {
		return
	}
	p.Props.SetTopicAlias(number)
	if known {
		p.Topic = nil
	}
}

// forward makes to the same message as from, and keeps its own memory for
// Subscription Identifiers, of which from has none. [MQTT-3.3.2-4]
// [MQTT-3.3.2-15] to [MQTT-3.3.2-18] [MQTT-3.3.2-20]
func forward(to, from *packets.Publish) {
	to.Topic, to.Payload = from.Topic, from.Payload
	to.Props.Reset()
	if v, ok := from.Props.PayloadFormatIndicator(); ok {
		to.Props.SetPayloadFormatIndicator(v)
	}
	if v, ok := from.Props.ContentType(); ok {
		to.Props.SetContentType(v)
	}
	if v, ok := from.Props.ResponseTopic(); ok {
		to.Props.SetResponseTopic(v)
	}
	if v, ok := from.Props.CorrelationData(); ok {
		to.Props.SetCorrelationData(v)
	}
	if from.Props.Has().Has(packets.PropUserProperty) {
		to.Props.SetUserProperties(from.Props.UserProperties())
	}
}
