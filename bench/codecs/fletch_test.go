package codecs

import (
	"io"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

type fletchCodec struct {
	v   packets.Version
	out []byte

	// what is encoded
	connect   packets.Connect
	publish   packets.Publish
	puback    packets.Puback
	subscribe packets.Subscribe
	suback    packets.Suback

	// what is decoded
	fromClient packets.FromClient
	fromServer packets.FromServer
}

func (c *fletchCodec) encoder(kind packets.Type, v packets.Version) func(m *message) []byte {
	c.v = v
	switch kind {
	case packets.TypeConnect:
		return c.encodeConnect
	case packets.TypePublish:
		return c.encodePublish
	case packets.TypePuback:
		return c.encodePuback
	case packets.TypeSubscribe:
		return c.encodeSubscribe
	case packets.TypeSuback:
		return c.encodeSuback
	}
	return nil
}

func (c *fletchCodec) encodeConnect(m *message) []byte {
	p := &c.connect
	p.CleanStart = true
	p.KeepAlive = m.keepAlive
	p.ClientID = m.clientID.b
	p.HasUsername, p.Username = true, m.username.b
	p.HasPassword, p.Password = true, m.password
	p.HasWill, p.WillQoS, p.WillRetain = true, packets.QoS(m.qos), m.retain
	p.Will.Topic, p.Will.Payload = m.topic.b, m.body
	if c.v == packets.V5 {
		p.Props.Reset()
		p.Props.SetSessionExpiryInterval(m.sessionExpiry)
		p.Props.SetReceiveMaximum(m.receiveMaximum)
		p.Props.SetMaximumPacketSize(m.maximumPacket)
		for i := range m.user {
			p.Props.AddUserProperty(m.user[i].key.b, m.user[i].value.b)
		}
	}
	c.out = p.AppendTo(c.out[:0], c.v)
	return c.out
}

func (c *fletchCodec) encodePublish(m *message) []byte {
	p := &c.publish
	p.QoS, p.Retain = packets.QoS(m.qos), m.retain
	p.PacketID = m.id
	p.Topic, p.Payload = m.topic.b, m.body
	if c.v == packets.V5 {
		p.Props.Reset()
		for i := range m.user {
			p.Props.AddUserProperty(m.user[i].key.b, m.user[i].value.b)
		}
	}
	c.out = p.AppendTo(c.out[:0], c.v)
	return c.out
}

func (c *fletchCodec) encodePuback(m *message) []byte {
	c.puback.PacketID = m.id
	c.puback.Reason = packets.Success
	c.out = c.puback.AppendTo(c.out[:0], c.v)
	return c.out
}

func (c *fletchCodec) encodeSubscribe(m *message) []byte {
	p := &c.subscribe
	p.PacketID = m.id
	p.Filters = resize(p.Filters, len(m.filters))
	for i := range m.filters {
		x := &m.filters[i]
		p.Filters[i] = packets.Subscription{Filter: x.topic.b, QoS: packets.QoS(x.qos)}
	}
	c.out = p.AppendTo(c.out[:0], c.v)
	return c.out
}

func (c *fletchCodec) encodeSuback(m *message) []byte {
	p := &c.suback
	p.PacketID = m.id
	p.Reasons = resize(p.Reasons, len(m.codes))
	for i, code := range m.codes {
		p.Reasons[i] = packets.ReasonCode(code)
	}
	c.out = p.AppendTo(c.out[:0], c.v)
	return c.out
}

func (c *fletchCodec) decoder(src io.Reader, kind packets.Type, v packets.Version) func(f *fields) error {
	c.v = v
	in := frame.NewReader(src)
	in.Version = v
	if kind == packets.TypeSuback {
		return func(f *fields) error {
			first, body, err := in.Next()
			if err != nil {
				return err
			}
			return c.decodeFromServer(f, first, body)
		}
	}
	return func(f *fields) error {
		first, body, err := in.Next()
		if err != nil {
			return err
		}
		return c.decodeFromClient(f, first, body)
	}
}

// bodyDecoder is decoder for who has the body already.
func (c *fletchCodec) bodyDecoder(kind packets.Type, v packets.Version) func(f *fields, first byte, body []byte) error {
	c.v = v
	if kind == packets.TypeSuback {
		return c.decodeFromServer
	}
	return c.decodeFromClient
}

func (c *fletchCodec) decodeFromServer(f *fields, first byte, body []byte) error {
	p, err := c.fromServer.Decode(first, body, c.v)
	if err != nil {
		return err
	}
	if p, ok := p.(*packets.Suback); ok {
		f.number(uint32(p.PacketID))
		for _, code := range p.Reasons {
			f.number(uint32(code))
		}
	}
	return nil
}

func (c *fletchCodec) decodeFromClient(f *fields, first byte, body []byte) error {
	p, err := c.fromClient.Decode(first, body, c.v)
	if err != nil {
		return err
	}
	switch p := p.(type) {
	case *packets.Connect:
		c.readConnect(f, p)
	case *packets.Publish:
		f.number(uint32(p.QoS))
		f.flag(p.Retain)
		f.bytes(p.Topic)
		f.number(uint32(p.PacketID))
		f.bytes(p.Payload)
		readUser(f, p.Props.UserProperties())
	case *packets.Puback:
		f.number(uint32(p.PacketID))
	case *packets.Subscribe:
		f.number(uint32(p.PacketID))
		for i := range p.Filters {
			f.bytes(p.Filters[i].Filter)
			f.number(uint32(p.Filters[i].QoS))
		}
	}
	return nil
}

func (c *fletchCodec) readConnect(f *fields, p *packets.Connect) {
	f.bytes(p.ClientID)
	f.bytes(p.Username)
	f.bytes(p.Password)
	f.number(uint32(p.KeepAlive))
	f.number(uint32(p.WillQoS))
	f.flag(p.WillRetain)
	f.bytes(p.Will.Topic)
	f.bytes(p.Will.Payload)
	if c.v == packets.V5 {
		expiry, _ := p.Props.SessionExpiryInterval()
		f.number(expiry)
		receive, _ := p.Props.ReceiveMaximum()
		f.number(uint32(receive))
		size, _ := p.Props.MaximumPacketSize()
		f.number(size)
		readUser(f, p.Props.UserProperties())
	}
}

func readUser(f *fields, user packets.UserProperties) {
	for key, value := range user.All() {
		f.bytes(key)
		f.bytes(value)
	}
}
