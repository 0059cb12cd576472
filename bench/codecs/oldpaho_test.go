package codecs

import (
	"bytes"
	"io"

	paho "github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/fletchmq/fletch/packets"
)

// oldPahoCodec is paho.mqtt.golang, which speaks 3.1.1.
type oldPahoCodec struct{ out bytes.Buffer }

func (c *oldPahoCodec) encoder(kind packets.Type, _ packets.Version) func(m *message) []byte {
	return func(m *message) []byte {
		c.out.Reset()
		packet := paho.NewControlPacket(byte(kind))
		switch p := packet.(type) {
		case *paho.ConnectPacket:
			c.fillConnect(p, m)
		case *paho.PublishPacket:
			c.fillPublish(p, m)
		case *paho.PubackPacket:
			p.MessageID = m.id
		case *paho.SubscribePacket:
			c.fillSubscribe(p, m)
		case *paho.SubackPacket:
			p.MessageID = m.id
			p.ReturnCodes = append(p.ReturnCodes, m.codes...)
		}
		if err := packet.Write(&c.out); err != nil {
			panic(err)
		}
		return c.out.Bytes()
	}
}

func (c *oldPahoCodec) fillConnect(p *paho.ConnectPacket, m *message) {
	p.ProtocolName, p.ProtocolVersion = "MQTT", 4
	p.CleanSession = true
	p.Keepalive = m.keepAlive
	p.ClientIdentifier = m.clientID.s
	p.UsernameFlag, p.Username = true, m.username.s
	p.PasswordFlag, p.Password = true, m.password
	p.WillFlag, p.WillQos, p.WillRetain = true, m.qos, m.retain
	p.WillTopic, p.WillMessage = m.topic.s, m.body
}

func (c *oldPahoCodec) fillPublish(p *paho.PublishPacket, m *message) {
	p.Qos, p.Retain = m.qos, m.retain
	p.MessageID = m.id
	p.TopicName, p.Payload = m.topic.s, m.body
}

func (c *oldPahoCodec) fillSubscribe(p *paho.SubscribePacket, m *message) {
	p.MessageID = m.id
	p.Topics, p.Qoss = resize(p.Topics, len(m.filters)), resize(p.Qoss, len(m.filters))
	for i := range m.filters {
		p.Topics[i] = m.filters[i].topic.s
		p.Qoss[i] = m.filters[i].qos
	}
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
