package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"

	"github.com/fletchmq/fletch/packets"
)

const payloadHead = 8 + 4 + 1 // number, checksum, version of the publisher

// fill makes the payload of a message: its number, a checksum of all and the topic,
// and more bytes. From a publisher of 5.0 it has properties as well, which have to
// arrive too.
func fill(p *packets.Publish, v packets.Version, number, more int) {
	b := make([]byte, payloadHead+more)
	binary.BigEndian.PutUint64(b, uint64(number))
	b[12] = byte(v)
	for i := range more {
		b[payloadHead+i] = byte(number + i*31)
	}
	binary.BigEndian.PutUint32(b[8:], checksum(p.Topic, b))
	p.Payload = b
	p.Props.SetContentType(p.Topic)
	p.Props.SetCorrelationData(b[:8])
}

// numberOf is the number of a message, and whether it has arrived as it was sent.
func numberOf(p *packets.Publish, v packets.Version) (number int, intact bool) {
	b := p.Payload
	if len(b) < payloadHead {
		return 0, false
	}
	number = int(binary.BigEndian.Uint64(b))
	if v == packets.V5 && packets.Version(b[12]) == packets.V5 {
		kind, _ := p.Props.ContentType()
		data, _ := p.Props.CorrelationData()
		if !bytes.Equal(kind, p.Topic) || !bytes.Equal(data, b[:8]) {
			return number, false
		}
	}
	return number, binary.BigEndian.Uint32(b[8:]) == checksum(p.Topic, b)
}

func checksum(topic, b []byte) uint32 {
	sum := crc32.ChecksumIEEE(topic)
	sum = crc32.Update(sum, crc32.IEEETable, b[:8])
	return crc32.Update(sum, crc32.IEEETable, b[12:])
}

// size is how many bytes more a payload has: mostly few, now and then many.
func size(rng *rand.Rand) int {
	switch n := rng.IntN(1000); {
	case n < 800:
		return rng.IntN(400)
	case n < 997:
		return rng.IntN(4 << 10)
	}
	return 200<<10 - rng.IntN(1<<10)
}
