package codecs

import (
	"bytes"

	"github.com/fletchmq/fletch/packets"
)

// text is a text in the two forms that the implementations ask for, so that none
// of them has to convert.
type text struct {
	s string
	b []byte
}

func mustText(s string) text { return text{s, []byte(s)} }

type pair struct{ key, value text }

type filter struct {
	topic text
	qos   byte
}

// message is what a packet says, for every type of packet in one struct.
type message struct {
	id     uint16
	qos    byte
	retain bool
	topic  text
	body   []byte
	user   []pair

	filters []filter
	codes   []byte

	clientID       text
	username       text
	password       []byte
	keepAlive      uint16
	sessionExpiry  uint32 // 5.0 only, as are the next two
	receiveMaximum uint16
	maximumPacket  uint32
}

// sample is a row of the comparison.
type sample struct {
	name     string
	kind     packets.Type
	versions []packets.Version
	message
}

var (
	both  = []packets.Version{packets.V311, packets.V5}
	only5 = []packets.Version{packets.V5}
)

var samples = []sample{
	{"connect", packets.TypeConnect, both, message{
		clientID:       mustText("sensor-7f3a21"),
		username:       mustText("plant-7"),
		password:       []byte("correct horse battery staple"),
		keepAlive:      60,
		qos:            1, // of the will, as are the next three
		retain:         true,
		topic:          mustText("plant/7/line/3/sensor/status"),
		body:           []byte("offline"),
		user:           pairs("region", "eu-north", "build", "2.14.0"),
		sessionExpiry:  3600,
		receiveMaximum: 100,
		maximumPacket:  1 << 20,
	}},
	{"publish-256", packets.TypePublish, both, publish(256)},
	{"publish-user", packets.TypePublish, only5, message{
		id:    4711,
		qos:   1,
		topic: mustText("plant/7/line/3/sensor/temperature"),
		body:  payload(256),
		user:  pairs("unit", "celsius", "trace", "4bf92f3577b34da6", "region", "eu-north"),
	}},
	{"publish-64k", packets.TypePublish, both, publish(64 << 10)},
	{"subscribe", packets.TypeSubscribe, both, message{
		id: 4711,
		filters: []filter{
			{mustText("plant/7/line/+/sensor/#"), 1},
			{mustText("plant/7/status"), 0},
			{mustText("plant/+/alarm/#"), 2},
			{mustText("config/sensor-7f3a21/set"), 1},
		},
	}},
	{"puback", packets.TypePuback, both, message{id: 4711}},
	{"suback", packets.TypeSuback, both, message{id: 4711, codes: []byte{1, 0, 2, 0x80}}},
}

func publish(size int) message {
	return message{topic: mustText("plant/7/line/3/sensor/temperature"), body: payload(size)}
}

func payload(size int) []byte {
	return bytes.Repeat([]byte("0123456789abcdef"), size/16)
}

func pairs(all ...string) (user []pair) {
	for i := 0; i < len(all); i += 2 {
		user = append(user, pair{mustText(all[i]), mustText(all[i+1])})
	}
	return user
}

// read gives f the fields of a packet of that kind, in the order in which every
// implementation gives what it has decoded.
func (m *message) read(f *fields, kind packets.Type, v packets.Version) {
	switch kind {
	case packets.TypeConnect:
		f.bytes(m.clientID.b)
		f.bytes(m.username.b)
		f.bytes(m.password)
		f.number(uint32(m.keepAlive))
		f.number(uint32(m.qos))
		f.flag(m.retain)
		f.bytes(m.topic.b)
		f.bytes(m.body)
		if v == packets.V5 {
			f.number(m.sessionExpiry)
			f.number(uint32(m.receiveMaximum))
			f.number(m.maximumPacket)
			m.readUser(f)
		}
	case packets.TypePublish:
		f.number(uint32(m.qos))
		f.flag(m.retain)
		f.bytes(m.topic.b)
		f.number(uint32(m.id))
		f.bytes(m.body)
		m.readUser(f)
	case packets.TypeSubscribe:
		f.number(uint32(m.id))
		for i := range m.filters {
			f.bytes(m.filters[i].topic.b)
			f.number(uint32(m.filters[i].qos))
		}
	case packets.TypePuback, packets.TypeSuback:
		f.number(uint32(m.id))
		for _, c := range m.codes {
			f.number(uint32(c))
		}
	}
}

func (m *message) readUser(f *fields) {
	for i := range m.user {
		f.bytes(m.user[i].key.b)
		f.bytes(m.user[i].value.b)
	}
}
