package flow

import (
	"bytes"
	"hash/maphash"

	"github.com/fletchmq/fletch/packets"
)

// AliasIn are the topic aliases the peer has set on this connection.
type AliasIn struct {
	topics  [][]byte // of alias i+1; empty when not set
	maximum uint16
}

// Reset begins a connection on which maximum was announced as Topic Alias
// Maximum. Mappings of earlier ones are gone [MQTT-3.3.2-7]. Memory grows with
// what the peer uses, to at most maximum topics.
func (a *AliasIn) Reset(maximum uint16) { *a = AliasIn{maximum: maximum} }

// Resolve gives the topic of a PUBLISH that has a Topic Alias, section
// 3.3.2.3.4. A topic that is not empty, and which the caller has found valid,
// becomes that of the alias; a copy is kept. The result is either topic itself
// or good until Resolve is called again.
//
// The reason is Success, or why the connection is to be closed:
// TopicAliasInvalid for 0 or more than the maximum, ProtocolError for an alias
// without a topic.
func (a *AliasIn) Resolve(alias uint16, topic []byte) ([]byte, packets.ReasonCode) {
	if alias == 0 || alias > a.maximum { // [MQTT-3.3.2-8] to [MQTT-3.3.2-12]
		return nil, packets.TopicAliasInvalid
	}
	i := int(alias) - 1
	if len(topic) == 0 {
		if i >= len(a.topics) || len(a.topics[i]) == 0 {
			return nil, packets.ProtocolError
		}
		return a.topics[i], packets.Success
	}
	if n := i + 1 - len(a.topics); n > 0 {
		a.topics = append(a.topics, make([][]byte, n)...)
	}
	a.topics[i] = append(a.topics[i][:0], topic...)
	return topic, packets.Success
}

// An alias costs three bytes as a property, and long topics are not kept for
// the sake of memory.
const (
	minAliased = 4
	maxAliased = 1024
)

// maxUses bounds how often the hand passes by an alias that is not used any more.
const maxUses = 7

var seed = maphash.MakeSeed()

// alias is one alias of AliasOut. Those of one hash bucket are a chain.
type alias struct {
	topic []byte
	hash  uint32
	next  uint16
	uses  uint8
	known bool // to the peer
}

// AliasOut assigns the topic aliases of this side on one connection. Topics get
// one as they come while there are free ones. Then one topic in sixteen takes
// the alias of one that is little used, by the CLOCK rule: those that come often
// soon have one and keep it, and a stream of topics that come once costs little.
type AliasOut struct {
	aliases []alias  // alias i+1
	buckets []uint16 // first of its chain; a power of two of them
	maximum uint16
	hand    uint16
	chance  uint32 // linear congruential
}

// Reset begins a connection with the peer's Topic Alias Maximum, or fewer if
// the caller wants to spend less memory: up to 1 KiB each, as they are used.
// Mappings of earlier connections are gone [MQTT-3.3.2-7].
func (a *AliasOut) Reset(maximum uint16) { *a = AliasOut{maximum: maximum} }

// Use gives the alias to send a PUBLISH with: 0 for none, from 1 to the maximum
// otherwise [MQTT-3.3.2-8] [MQTT-3.3.2-9] [MQTT-3.3.2-11] [MQTT-3.2.2-17]
// [MQTT-3.2.2-18]. If known is true the
// PUBLISH has the alias and an empty topic, if not it has both.
//
// The alias is known to the peer from then on. So Use is asked when the PUBLISH
// is encoded, in the order of the wire, when nothing can drop it any more but
// the end of the connection. If it is dropped all the same, the caller says so
// with Forget, before it asks for another.
func (a *AliasOut) Use(topic []byte) (number uint16, known bool) {
	if a.maximum == 0 || len(topic) < minAliased || len(topic) > maxAliased {
		return 0, false
	}
	hash := uint32(maphash.Bytes(seed, topic))
	if len(a.buckets) > 0 {
		for n := *a.bucket(hash); n != 0; n = a.aliases[n-1].next {
			x := &a.aliases[n-1]
			if x.hash == hash && bytes.Equal(x.topic, topic) {
				known, x.known = x.known, true
				x.uses = min(x.uses+1, maxUses)
				return n, known
			}
		}
	}
	number = a.vacant()
	if number == 0 {
		return 0, false
	}
	x := &a.aliases[number-1]
	x.topic, x.hash = append(x.topic[:0], topic...), hash
	x.uses, x.known = 0, true
	b := a.bucket(hash)
	x.next, *b = *b, number
	return number, false
}

// Forget says that the PUBLISH for which Use gave the alias was not sent: the
// peer is told the topic again.
func (a *AliasOut) Forget(number uint16) {
	if number > 0 && int(number) <= len(a.aliases) {
		a.aliases[number-1].known = false
	}
}

// bucket is where the chain of a hash begins.
func (a *AliasOut) bucket(hash uint32) *uint16 {
	return &a.buckets[hash&uint32(len(a.buckets)-1)]
}

// vacant gives an alias that stands for no topic, 0 if there is none for now.
func (a *AliasOut) vacant() uint16 {
	if n := len(a.aliases); n < int(a.maximum) {
		a.aliases = append(a.aliases, alias{})
		if n >= len(a.buckets) {
			a.rehash(n)
		}
		return uint16(n + 1)
	}
	if a.chance = a.chance*1664525 + 1013904223; a.chance>>28 != 0 {
		return 0
	}
	for { // each step was paid for by a use
		x := &a.aliases[a.hand]
		number := a.hand + 1
		a.hand = number % a.maximum
		if x.uses == 0 {
			a.unchain(x.hash, number)
			return number
		}
		x.uses--
	}
}

// unchain takes an alias out of the bucket of its hash.
func (a *AliasOut) unchain(hash uint32, number uint16) {
	n := a.bucket(hash)
	for *n != number {
		n = &a.aliases[*n-1].next
	}
	*n = a.aliases[number-1].next
}

// rehash doubles the buckets and chains the first n aliases anew.
func (a *AliasOut) rehash(n int) {
	a.buckets = make([]uint16, max(8, 2*len(a.buckets)))
	for i := range a.aliases[:n] {
		b := a.bucket(a.aliases[i].hash)
		a.aliases[i].next, *b = *b, uint16(i+1)
	}
}
