package broker

import (
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// handle is what to do with a packet behind CONNECT. An error is why the
// connection ends.
func (c *conn) handle(first byte, body []byte) error {
	if packets.Type(first>>4) == packets.TypePublish {
		return c.onPublish(first, body)
	}
	p, err := c.turn.dec.Decode(first, body, c.version)
	if err != nil {
		return err
	}
	switch p := p.(type) {
	case *packets.Puback:
		return c.settled(p.Type(), c.client.out.Puback(flow.OutID(p.PacketID), &c.turn.Turn))
	case *packets.Pubrec:
		return c.onPubrec(p)
	case *packets.Pubrel:
		return c.onPubrel(p)
	case *packets.Pubcomp:
		return c.settled(p.Type(), c.client.out.Pubcomp(flow.OutID(p.PacketID), &c.turn.Turn))
	case *packets.Subscribe:
		return c.onSubscribe(p)
	case *packets.Unsubscribe:
		return c.onUnsubscribe(p)
	case *packets.Pingreq:
		return c.reply(&c.turn.answer.pingresp) // [MQTT-3.12.4-1] [MQTT3-3.12.4-1]
	case *packets.Disconnect:
		return c.onDisconnect(p)
	case *packets.Auth:
		return c.onAuth(p) // [MQTT-4.12.1-1]
	}
	return c.broke(p.Type(), packets.ProtocolError, "MQTT-3.1.0-2", "MQTT-3.1.0-2", "a second CONNECT")
}

// reply sends an answer. None has User Properties, and only SUBACK may have a Reason
// String, so that there is nothing to leave out where they are not wanted
// [MQTT-3.1.2-29] or do not fit: [MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2]
// [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3]
// [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2].
func (c *conn) reply(p packets.Packet) error {
	if !c.line.Control(p, &c.turn.Turn) {
		return errTooLargeToSend
	}
	return nil
}

// settled is what is left to do after PUBACK and PUBCOMP. One for an identifier
// that is not in use is no fault: the exchange may have ended on both sides.
func (c *conn) settled(t packets.Type, o flow.Outcome) error {
	if o == flow.Misplaced {
		return c.broke(t, packets.ProtocolError, "§4.3", "§4.3", "an acknowledgement that is not the next of its exchange")
	}
	return nil
}

func (c *conn) onPubrec(p *packets.Pubrec) error {
	a := &c.turn.answer.pubrel
	a.PacketID, a.Reason = p.PacketID, packets.Success
	switch o := c.client.out.Pubrec(flow.OutID(p.PacketID), p.Reason, &c.turn.Turn); o {
	case flow.Unknown:
		a.Reason = packets.PacketIdentifierNotFound
		return c.reply(a)
	case flow.Released, flow.Repeated: // [MQTT-4.3.3-4] [MQTT3-4.3.3-1]
		if c.client.out.Stored() {
			c.answerStored(a.Type(), a.PacketID, a.Reason)
			return nil
		}
		return c.reply(a)
	default:
		return c.settled(p.Type(), o)
	}
}

func (c *conn) onPubrel(p *packets.Pubrel) error {
	a := &c.turn.answer.pubcomp
	reason, stored := c.client.in.pubrel(flow.InID(p.PacketID)) // [MQTT-4.3.3-11] [MQTT3-4.3.3-2]
	a.PacketID, a.Reason = p.PacketID, reason
	if c.client.out.Stored() {
		if stored {
			c.b.journal.Begin().Unhold(c.client.number, p.PacketID)
			c.b.journal.End()
		}
		c.answerStored(a.Type(), a.PacketID, a.Reason)
		return nil
	}
	return c.reply(a)
}

// onDisconnect is section 3.14.4.
func (c *conn) onDisconnect(p *packets.Disconnect) error {
	if expiry, changed := p.Props.SessionExpiryInterval(); changed && !c.b.changeExpiry(c.client, expiry) {
		return c.broke(p.Type(), packets.ProtocolError, "", "§3.14.2.2.2", "a Session Expiry Interval, though CONNECT had none")
	}
	if p.Reason == packets.NormalDisconnection { // [MQTT-3.14.4-3] [MQTT3-3.14.4-3]
		c.b.dropWill(c.client)
	}
	return errDisconnected
}
