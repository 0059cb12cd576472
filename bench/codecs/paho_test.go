package codecs

import (
	"bytes"
	"io"

	paho "github.com/eclipse/paho.golang/packets"
	"github.com/fletchmq/fletch/packets"
)

// pahoCodec is paho.golang, which speaks 5.0.
type pahoCodec struct {
	out   bytes.Buffer
	props paho.Properties
	will  paho.Properties
}

func (c *pahoCodec) encoder(kind packets.Type, _ packets.Version) func(m *message) []byte {
	fill := map[packets.Type]func(m *message) io.WriterTo{
		packets.TypeConnect:   c.fillConnect,
		packets.TypePublish:   c.fillPublish,
		packets.TypePuback:    c.fillPuback,
		packets.TypeSubscribe: c.fillSubscribe,
		packets.TypeSuback:    c.fillSuback,
	}[kind]
	return func(m *message) []byte {
		c.out.Reset()
		if _, err := fill(m).WriteTo(&c.out); err != nil {
			panic(err)
		}
		return c.out.Bytes()
	}
}

func (c *pahoCodec) fillConnect(m *message) io.WriterTo {
	p := new(paho.Connect)
	p.ProtocolName, p.ProtocolVersion = "MQTT", 5
	p.CleanStart = true
	p.KeepAlive = m.keepAlive
	p.ClientID = m.clientID.s
	p.UsernameFlag, p.Username = true, m.username.s
	p.PasswordFlag, p.Password = true, m.password
	p.WillFlag, p.WillQOS, p.WillRetain = true, m.qos, m.retain
	p.WillTopic, p.WillMessage = m.topic.s, m.body
	p.WillProperties = &c.will
	c.props.SessionExpiryInterval = &m.sessionExpiry
	c.props.ReceiveMaximum = &m.receiveMaximum
	c.props.MaximumPacketSize = &m.maximumPacket
	c.fillUser(m)
	p.Properties = &c.props
	return p
}

func (c *pahoCodec) fillUser(m *message) {
	user := resize(c.props.User, len(m.user))
	for i := range m.user {
		user[i] = paho.User{Key: m.user[i].key.s, Value: m.user[i].value.s}
	}
	c.props.User = user
}

func (c *pahoCodec) fillPublish(m *message) io.WriterTo {
	p := new(paho.Publish)
	p.QoS, p.Retain = m.qos, m.retain
	p.PacketID = m.id
	p.Topic, p.Payload = m.topic.s, m.body
	c.fillUser(m)
	p.Properties = &c.props
	return p
}

func (c *pahoCodec) fillPuback(m *message) io.WriterTo {
	p := new(paho.Puback)
	p.PacketID, p.ReasonCode = m.id, 0
	p.Properties = &c.props
	return p
}

func (c *pahoCodec) fillSubscribe(m *message) io.WriterTo {
	p := new(paho.Subscribe)
	p.PacketID = m.id
	p.Subscriptions = resize(p.Subscriptions, len(m.filters))
	for i := range m.filters {
		x := &m.filters[i]
		p.Subscriptions[i] = paho.SubOptions{Topic: x.topic.s, QoS: x.qos}
	}
	p.Properties = &c.props
	return p
}

func (c *pahoCodec) fillSuback(m *message) io.WriterTo {
	p := new(paho.Suback)
	p.PacketID = m.id
	p.Reasons = append(p.Reasons, m.codes...)
	p.Properties = &c.props
	return p
}

func (c *pahoCodec) decoder(src io.Reader, _ packets.Type, _ packets.Version) func(f *fields) error {
	return func(f *fields) error {
		cp, err := paho.ReadPacket(src)
		if err != nil {
			return err
		}
		switch p := cp.Content.(type) {
		case *paho.Connect:
			readPahoConnect(f, p)
		case *paho.Publish:
			f.number(uint32(p.QoS))
			f.flag(p.Retain)
			f.text(p.Topic)
			f.number(uint32(p.PacketID))
			f.bytes(p.Payload)
			readPahoUser(f, p.Properties.User)
		case *paho.Puback:
			f.number(uint32(p.PacketID))
		case *paho.Subscribe:
			f.number(uint32(p.PacketID))
			for i := range p.Subscriptions {
				f.text(p.Subscriptions[i].Topic)
				f.number(uint32(p.Subscriptions[i].QoS))
			}
		case *paho.Suback:
			f.number(uint32(p.PacketID))
			for _, code := range p.Reasons {
				f.number(uint32(code))
			}
		}
		return nil
	}
}

func readPahoConnect(f *fields, p *paho.Connect) {
	f.text(p.ClientID)
	f.text(p.Username)
	f.bytes(p.Password)
	f.number(uint32(p.KeepAlive))
	f.number(uint32(p.WillQOS))
	f.flag(p.WillRetain)
	f.text(p.WillTopic)
	f.bytes(p.WillMessage)
	f.number(*p.Properties.SessionExpiryInterval)
	f.number(uint32(*p.Properties.ReceiveMaximum))
	f.number(*p.Properties.MaximumPacketSize)
	readPahoUser(f, p.Properties.User)
}

func readPahoUser(f *fields, user []paho.User) {
	for i := range user {
		f.text(user[i].Key)
		f.text(user[i].Value)
	}
}
