package broker

import "bytes"

// Bridges of Mosquitto set the highest bit of the protocol level before 5.0
// (try_private), and where they are refused come again without it. It asks for
// what 5.0 calls No Local and Retain As Published: without them, whatever a bridge
// brings comes back to its broker, and what is retained arrives as if it were not.
const bridgeBit = 0x80

var bridgeLevels = [][]byte{[]byte("\x00\x06MQIsdp\x83"), []byte("\x00\x04MQTT\x84")}

// takeBridgeBit clears that bit in the body of a CONNECT, and reports whether it
// was set.
func takeBridgeBit(body []byte) bool {
	for _, level := range bridgeLevels {
		if bytes.HasPrefix(body, level) {
			body[len(level)-1] &^= bridgeBit
			return true
		}
	}
	return false
}
