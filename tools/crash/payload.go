package main

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
)

const payloadHead = 8 + 4 // number, checksum

// payload is that of a message: its number, a checksum of all and the topic, and
// more bytes.
func payload(topic string, number, more int) []byte {
	b := make([]byte, payloadHead+more)
	binary.BigEndian.PutUint64(b, uint64(number))
	for i := range more {
		b[payloadHead+i] = byte(number + i*31)
	}
	binary.BigEndian.PutUint32(b[8:], checksum(topic, b))
	return b
}

// number is that of the message with this payload, and whether it has arrived as it
// was sent.
func number(topic string, b []byte) (int, bool) {
	if len(b) < payloadHead {
		return 0, false
	}
	return int(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint32(b[8:]) == checksum(topic, b)
}

func checksum(topic string, b []byte) uint32 {
	sum := crc32.ChecksumIEEE([]byte(topic))
	sum = crc32.Update(sum, crc32.IEEETable, b[:8])
	return crc32.Update(sum, crc32.IEEETable, b[payloadHead:])
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
