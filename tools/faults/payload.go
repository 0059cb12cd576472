package main

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

const payloadHead = 8 + 4 + 1 // number, checksum, version of the publisher

// compose makes a message: its number, a checksum of all and the topic, and more bytes.
// From a publisher of 5.0 it has a property as well, which has to arrive too.
func compose(topic string, qos packets.QoS, v packets.Version, number, more int) client.Message {
	b := make([]byte, payloadHead+more)
	binary.BigEndian.PutUint64(b, uint64(number))
	b[12] = byte(v)
	for i := range more {
		b[payloadHead+i] = byte(number + i*31)
	}
	binary.BigEndian.PutUint32(b[8:], checksum(topic, b))
	m := client.Message{Topic: topic, Payload: b, QoS: qos}
	if v == packets.V5 {
		m.Props.SetContentType([]byte(topic))
	}
	return m
}

// numberOf is the number of a message, and whether it has arrived as it was sent, to a
// receiver of that version.
func numberOf(m *client.Message, v packets.Version) (number int, intact bool) {
	b := m.Payload
	if len(b) < payloadHead {
		return 0, false
	}
	number = int(binary.BigEndian.Uint64(b))
	if kind, _ := m.Props.ContentType(); v == packets.V5 && packets.Version(b[12]) == packets.V5 && string(kind) != m.Topic {
		return number, false
	}
	return number, binary.BigEndian.Uint32(b[8:]) == checksum(m.Topic, b)
}

func checksum(topic string, b []byte) uint32 {
	sum := crc32.ChecksumIEEE([]byte(topic))
	sum = crc32.Update(sum, crc32.IEEETable, b[:8])
	return crc32.Update(sum, crc32.IEEETable, b[12:])
}

// size is how many bytes more a payload has: mostly few, now and then many.
func size(rng *rand.Rand) int {
	switch n := rng.IntN(1000); {
	case n < 800:
		return rng.IntN(400)
	case n < 998:
		return rng.IntN(4 << 10)
	}
	return 200<<10 - rng.IntN(1<<10)
}
