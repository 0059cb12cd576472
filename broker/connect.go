package broker

import (
	"bytes"
	"crypto/rand"
	"errors"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// connect handles the first packet, section 3.1.4.
func (c *conn) connect(first byte, body []byte) error {
	if t := packets.Type(first >> 4); t != packets.TypeConnect {
		return c.broke(t, packets.ProtocolError, "MQTT-3.1.0-1", "MQTT-3.1.0-1", "the first packet is CONNECT")
	}
	c.bridge = takeBridgeBit(body)
	p := &c.turn.dec.Connect
	if err := p.Decode(first, body, 0); err != nil {
		c.speak(p, versionOfRefusal(p.Version, err))
		return err
	}
	c.speak(p, p.Version)
	wordy, said := p.Props.RequestProblemInformation()
	c.terse = said && !wordy
	if err := c.admissible(p); err != nil {
		return err
	}
	if c.clientID = string(p.ClientID); c.clientID == "" {
		c.assigned = true
		c.clientID = "fletch-" + rand.Text() // [MQTT-3.1.3-6] [MQTT-3.2.2-16] [MQTT3-3.1.3-6]
	}
	if method, ok := p.Props.AuthenticationMethod(); ok { // [MQTT-3.1.4-2]
		return c.exchange(string(method), first, body)
	}
	if err := c.authenticate(p); err != nil {
		return err
	}
	return c.admit(p)
}

// admit lets in the client of CONNECT p, which has shown who it is.
func (c *conn) admit(p *packets.Connect) error {
	if err := c.mayLeave(p); err != nil {
		return err
	}
	present, err := c.b.enter(c, p.CleanStart, c.b.grant(c.askedExpiry(p))) // [MQTT-3.1.4-4] [MQTT3-3.1.4-3]
	if err != nil {
		return err
	}
	if present {
		if err := c.reconsider(); err != nil {
			return err
		}
	}
	if err = c.keepPresent(p, present); err == nil {
		err = c.accept(p, present)
	}
	if err != nil {
		if !present { // its client does not hear of it
			c.b.changeExpiry(c.client, 0)
		}
		return err
	}
	if p.HasWill {
		c.b.setWill(c.client, willOf(p, c.clientID)) // [MQTT-3.1.2-7] [MQTT3-3.1.2-8]
	}
	c.tellConnected(p, present)
	c.turn.forget() // CONNECT comes once
	return nil
}

// versionOfRefusal is the version in which a CONNECT that cannot be accepted is
// answered: that which it names, or the nearest there is [MQTT-3.1.2-2]
// [MQTT3-3.1.2-2]. It is 0, for no answer, behind an unknown protocol name
// [MQTT-3.1.2-1] [MQTT3-3.1.2-1], which leaves no version as well as level 0 does.
func versionOfRefusal(named packets.Version, why error) packets.Version {
	var broken *packets.BrokenError
	if named == 0 && !(errors.As(why, &broken) && broken.Statement == "MQTT-3.1.2-2") {
		return 0
	}
	return min(max(named, packets.V31), packets.V5)
}

// speak makes v the version of the connection.
func (c *conn) speak(p *packets.Connect, v packets.Version) {
	c.version = v
	c.peer.Version = v
	c.peer.MaximumPacketSize, _ = p.Props.MaximumPacketSize()
	c.peer.ReceiveMaximum, _ = p.Props.ReceiveMaximum()
	aliases, _ := p.Props.TopicAliasMaximum()
	c.peer.TopicAliasMaximum = min(aliases, uint16(c.b.config.TopicAliasMaximum))
}

// admissible is what this broker does not want of a CONNECT that is in order.
func (c *conn) admissible(p *packets.Connect) error {
	switch {
	case !p.HasWill:
		return nil
	case c.tooDeep(p.Will.Topic):
		return errTooDeep
	}
	return c.b.config.Without.message(p.WillQoS, p.WillRetain) // [MQTT-3.2.2-12] [MQTT-3.2.2-13]
}

// accept begins with CONNACK. It says what is not as a client would have to
// assume.
func (c *conn) accept(p *packets.Connect, present bool) error {
	a := &c.turn.answer.connack
	*a = packets.Connack{Reason: packets.Success, SessionPresent: present} // [MQTT-3.2.2-2] [MQTT-3.2.2-3] [MQTT3-3.2.2-1] to [MQTT3-3.2.2-3]
	asked := c.askedExpiry(p)
	if granted := c.b.grant(asked); granted != asked {
		a.Props.SetSessionExpiryInterval(granted)
	}
	if c.assigned {
		a.Props.SetAssignedClientIdentifier([]byte(c.clientID)) // [MQTT-3.1.3-7]
	}
	receiveMaximum := uint16(mostReceive)
	if c.version == packets.V5 {
		receiveMaximum = uint16(c.b.config.ReceiveMaximum)
	}
	if receiveMaximum != mostReceive {
		a.Props.SetReceiveMaximum(receiveMaximum)
	}
	c.client.in.resume(receiveMaximum)
	if c.proof != nil {
		a.Props.SetAuthenticationMethod([]byte(c.proof.method)) // [MQTT-4.12.0-5] [MQTT-4.12.0-6]
		if c.proof.reply != nil {
			a.Props.SetAuthenticationData(c.proof.reply)
		}
	}
	c.b.config.Without.tell(&a.Props)
	keepAlive := c.b.config.keepAlive(p.KeepAlive, c.version)
	if keepAlive != p.KeepAlive {
		a.Props.SetServerKeepAlive(keepAlive) // [MQTT-3.2.2-21]
	}
	a.Props.SetMaximumPacketSize(uint32(c.b.config.MaximumPacketSize))
	if most := uint16(c.b.config.TopicAliasMaximum); most > 0 && c.version == packets.V5 {
		a.Props.SetTopicAliasMaximum(most)
	}
	if err := c.attach(a); err != nil {
		return err
	}
	c.patience = time.Duration(keepAlive) * time.Second * 3 / 2 // [MQTT-3.2.2-22]
	return nil
}

// attach begins to send, first of all a.
func (c *conn) attach(a *packets.Connack) error {
	var withheld []uint16
	if c.unstored {
		withheld = c.client.out.Withhold()
	}
	line := c.client.out.Attach(c.peer, a, c.link, &c.turn.Turn) // [MQTT-3.1.4-5] [MQTT3-3.1.4-4]
	if line == nil {
		return errTooLargeToSend
	}
	c.setLine(line)
	for _, id := range withheld {
		c.answerStored(packets.TypePubrel, id, packets.Success)
	}
	return nil
}

// askedExpiry is the Session Expiry Interval of a CONNECT. Before 5.0 a session
// that is not clean has no end.
func (c *conn) askedExpiry(p *packets.Connect) uint32 {
	if c.version != packets.V5 && !p.CleanStart {
		return forever
	}
	expiry, _ := p.Props.SessionExpiryInterval()
	return expiry
}

// grant is how many seconds a session may last of those that are asked for.
func (b *Broker) grant(expiry uint32) uint32 {
	most := b.config.MaximumSessionExpiry
	if most == 0 || most/time.Second >= forever {
		return expiry
	}
	return min(expiry, uint32((most+time.Second-1)/time.Second))
}

var slash = []byte("/")

// tooDeep reports whether a topic name or filter has more levels than are
// allowed.
func (c *conn) tooDeep(topic []byte) bool {
	return bytes.Count(topic, slash) >= c.b.config.MaximumTopicLevels
}
