package peers

import (
	"bytes"
	"io"

	paho "github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/fletchmq/fletch/packets"
)

// oldPahoCodec is paho.mqtt.golang, which speaks 3.1.1.
type oldPahoCodec struct {
	out       bytes.Buffer
	connect   *paho.ConnectPacket
	publish   *paho.PublishPacket
	puback    *paho.PubackPacket
	subscribe *paho.SubscribePacket
	suback    *paho.SubackPacket
}

func (c *oldPahoCodec) encoder(kind packets.Type, _ packets.Version) func(m *message) []byte {
	var fill func(m *message) paho.ControlPacket
	switch p := paho.NewControlPacket(byte(kind)).(type) {
	case *paho.ConnectPacket:
		c.connect, fill = p, c.fillConnect
	case *paho.PublishPacket:
		c.publish, fill = p, c.fillPublish
	case *paho.PubackPacket:
		c.puback, fill = p, c.fillPuback
	case *paho.SubscribePacket:
		c.subscribe, fill = p, c.fillSubscribe
	case *paho.SubackPacket:
		c.suback, fill = p, c.fillSuback
	}
	return func(m *message) []byte {
		c.out.Reset()
		if err := fill(m).Write(&c.out); err != nil {
			panic(err)
		}
		return c.out.Bytes()
	}
}

func (c *oldPahoCodec) fillConnect(m *message) paho.ControlPacket {
	p := c.connect
	p.ProtocolName, p.ProtocolVersion = "MQTT", 4
	p.CleanSession = true
	p.Keepalive = m.keepAlive
	p.ClientIdentifier = m.clientID.s
	p.UsernameFlag, p.Username = true, m.username.s
	p.PasswordFlag, p.Password = true, m.password
	p.WillFlag, p.WillQos, p.WillRetain = true, m.qos, m.retain
	p.WillTopic, p.WillMessage = m.topic.s, m.body
	return p
}

func (c *oldPahoCodec) fillPublish(m *message) paho.ControlPacket {
	p := c.publish
	p.Qos, p.Retain = m.qos, m.retain
	p.MessageID = m.id
	p.TopicName, p.Payload = m.topic.s, m.body
	return p
}

func (c *oldPahoCodec) fillPuback(m *message) paho.ControlPacket {
	c.puback.MessageID = m.id
	return c.puback
}

func (c *oldPahoCodec) fillSubscribe(m *message) paho.ControlPacket {
	p := c.subscribe
	p.MessageID = m.id
	p.Topics, p.Qoss = resize(p.Topics, len(m.filters)), resize(p.Qoss, len(m.filters))
	for i := range m.filters {
		p.Topics[i] = m.filters[i].topic.s
		p.Qoss[i] = m.filters[i].qos
	}
	return p
}

func (c *oldPahoCodec) fillSuback(m *message) paho.ControlPacket {
	c.suback.MessageID = m.id
	c.suback.ReturnCodes = append(c.suback.ReturnCodes[:0], m.codes...)
	return c.suback
}

func (c *oldPahoCodec) decoder(src io.Reader, _ packets.Type, _ packets.Version) func(f *fields) error {
	return func(f *fields) error {
		cp, err := paho.ReadPacket(src)
		if err != nil {
			return err
		}
		switch p := cp.(type) {
		case *paho.ConnectPacket:
			f.text(p.ClientIdentifier)
			f.text(p.Username)
			f.bytes(p.Password)
			f.number(uint32(p.Keepalive))
			f.number(uint32(p.WillQos))
			f.flag(p.WillRetain)
			f.text(p.WillTopic)
			f.bytes(p.WillMessage)
		case *paho.PublishPacket:
			f.number(uint32(p.Qos))
			f.flag(p.Retain)
			f.text(p.TopicName)
			f.number(uint32(p.MessageID))
			f.bytes(p.Payload)
		case *paho.PubackPacket:
			f.number(uint32(p.MessageID))
		case *paho.SubscribePacket:
			f.number(uint32(p.MessageID))
			for i := range p.Topics {
				f.text(p.Topics[i])
				f.number(uint32(p.Qoss[i]))
			}
		case *paho.SubackPacket:
			f.number(uint32(p.MessageID))
			for _, code := range p.ReturnCodes {
				f.number(uint32(code))
			}
		}
		return nil
	}
}
