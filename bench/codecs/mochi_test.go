package codecs

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/fletchmq/fletch/packets"
	mochi "github.com/mochi-mqtt/server/v2/packets"
)

// mochiReadSize is the default of ClientNetReadBufferSize.
const mochiReadSize = 2048

type mochiCodec struct {
	v   byte
	pk  mochi.Packet
	out bytes.Buffer
	in  *bufio.Reader
}

func (c *mochiCodec) encoder(kind packets.Type, v packets.Version) func(m *message) []byte {
	c.v = byte(v)
	fill := map[packets.Type]func(m *message){
		packets.TypeConnect:   c.fillConnect,
		packets.TypePublish:   c.fillPublish,
		packets.TypePuback:    c.fillPuback,
		packets.TypeSubscribe: c.fillSubscribe,
		packets.TypeSuback:    c.fillSuback,
	}[kind]
	return func(m *message) []byte {
		c.out.Reset()
		c.pk = mochi.Packet{ProtocolVersion: c.v, FixedHeader: mochi.FixedHeader{Type: byte(kind)}}
		fill(m)
		if err := c.write(c.pk); err != nil {
			panic(err)
		}
		return c.out.Bytes()
	}
}

// write is the part of Client.WritePacket that encodes; it takes the packet as
// that does.
func (c *mochiCodec) write(pk mochi.Packet) error {
	switch pk.FixedHeader.Type {
	case mochi.Connect:
		return pk.ConnectEncode(&c.out)
	case mochi.Publish:
		return pk.PublishEncode(&c.out)
	case mochi.Puback:
		return pk.PubackEncode(&c.out)
	case mochi.Subscribe:
		return pk.SubscribeEncode(&c.out)
	case mochi.Suback:
		return pk.SubackEncode(&c.out)
	}
	return fmt.Errorf("no packet of type %d here", pk.FixedHeader.Type)
}

func (c *mochiCodec) fillConnect(m *message) {
	p := &c.pk.Connect
	p.ProtocolName = mqtt
	p.Clean = true
	p.Keepalive = m.keepAlive
	p.ClientIdentifier = m.clientID.s
	p.UsernameFlag, p.Username = true, m.username.b
	p.PasswordFlag, p.Password = true, m.password
	p.WillFlag, p.WillQos, p.WillRetain = true, m.qos, m.retain
	p.WillTopic, p.WillPayload = m.topic.s, m.body
	if c.v == 5 {
		props := &c.pk.Properties
		props.SessionExpiryInterval, props.SessionExpiryIntervalFlag = m.sessionExpiry, true
		props.ReceiveMaximum = m.receiveMaximum
		props.MaximumPacketSize = m.maximumPacket
		c.fillUser(m)
	}
}

var mqtt = []byte("MQTT")

func (c *mochiCodec) fillPublish(m *message) {
	c.pk.FixedHeader.Qos, c.pk.FixedHeader.Retain = m.qos, m.retain
	c.pk.PacketID = m.id
	c.pk.TopicName = m.topic.s
	c.pk.Payload = m.body
	if c.v == 5 {
		c.fillUser(m)
	}
}

func (c *mochiCodec) fillUser(m *message) {
	user := resize(c.pk.Properties.User, len(m.user))
	for i := range m.user {
		user[i] = mochi.UserProperty{Key: m.user[i].key.s, Val: m.user[i].value.s}
	}
	c.pk.Properties.User = user
}

func (c *mochiCodec) fillPuback(m *message) {
	c.pk.PacketID = m.id
	c.pk.ReasonCode = 0
}

func (c *mochiCodec) fillSubscribe(m *message) {
	c.pk.FixedHeader.Qos = 1
	c.pk.PacketID = m.id
	c.pk.Filters = resize(c.pk.Filters, len(m.filters))
	for i := range m.filters {
		x := &m.filters[i]
		c.pk.Filters[i] = mochi.Subscription{Filter: x.topic.s, Qos: x.qos}
	}
}

func (c *mochiCodec) fillSuback(m *message) {
	c.pk.PacketID = m.id
	c.pk.ReasonCodes = append(c.pk.ReasonCodes[:0], m.codes...)
}

func (c *mochiCodec) decoder(src io.Reader, _ packets.Type, v packets.Version) func(f *fields) error {
	c.v = byte(v)
	c.in = bufio.NewReaderSize(src, mochiReadSize)
	return func(f *fields) error {
		var head mochi.FixedHeader
		if err := c.readFixedHeader(&head); err != nil {
			return err
		}
		p, err := c.readPacket(&head)
		if err != nil {
			return err
		}
		c.read(f, &p)
		return nil
	}
}

// readFixedHeader does what Client.ReadFixedHeader of the server does, but for
// its counters.
func (c *mochiCodec) readFixedHeader(head *mochi.FixedHeader) error {
	first, err := c.in.ReadByte()
	if err != nil {
		return err
	}
	if err := head.Decode(first); err != nil {
		return err
	}
	head.Remaining, _, err = mochi.DecodeLength(c.in)
	return err
}

// readPacket does what Client.ReadPacket of the server does, but for its
// counters and hooks: both copies of the packet are the server's.
func (c *mochiCodec) readPacket(head *mochi.FixedHeader) (p mochi.Packet, err error) {
	p.ProtocolVersion = c.v
	p.FixedHeader = *head
	body := make([]byte, head.Remaining)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return p, err
	}
	body = append([]byte{}, body...)
	switch head.Type {
	case mochi.Connect:
		err = p.ConnectDecode(body)
	case mochi.Publish:
		err = p.PublishDecode(body)
	case mochi.Puback:
		err = p.PubackDecode(body)
	case mochi.Subscribe:
		err = p.SubscribeDecode(body)
	case mochi.Suback:
		err = p.SubackDecode(body)
	default:
		err = fmt.Errorf("packet of type %d", head.Type)
	}
	return p, err
}

func (c *mochiCodec) read(f *fields, p *mochi.Packet) {
	switch p.FixedHeader.Type {
	case mochi.Connect:
		c.readConnect(f, p)
	case mochi.Publish:
		f.number(uint32(p.FixedHeader.Qos))
		f.flag(p.FixedHeader.Retain)
		f.text(p.TopicName)
		f.number(uint32(p.PacketID))
		f.bytes(p.Payload)
		readMochiUser(f, p.Properties.User)
	case mochi.Puback:
		f.number(uint32(p.PacketID))
	case mochi.Subscribe:
		f.number(uint32(p.PacketID))
		for i := range p.Filters {
			f.text(p.Filters[i].Filter)
			f.number(uint32(p.Filters[i].Qos))
		}
	case mochi.Suback:
		f.number(uint32(p.PacketID))
		for _, code := range p.ReasonCodes {
			f.number(uint32(code))
		}
	}
}

func (c *mochiCodec) readConnect(f *fields, p *mochi.Packet) {
	f.text(p.Connect.ClientIdentifier)
	f.bytes(p.Connect.Username)
	f.bytes(p.Connect.Password)
	f.number(uint32(p.Connect.Keepalive))
	f.number(uint32(p.Connect.WillQos))
	f.flag(p.Connect.WillRetain)
	f.text(p.Connect.WillTopic)
	f.bytes(p.Connect.WillPayload)
	if c.v == 5 {
		f.number(p.Properties.SessionExpiryInterval)
		f.number(uint32(p.Properties.ReceiveMaximum))
		f.number(p.Properties.MaximumPacketSize)
		readMochiUser(f, p.Properties.User)
	}
}

func readMochiUser(f *fields, user []mochi.UserProperty) {
	for i := range user {
		f.text(user[i].Key)
		f.text(user[i].Val)
	}
}
