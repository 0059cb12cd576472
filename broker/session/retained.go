package session

import (
	"encoding/binary"
	"time"
	"unsafe"

	"github.com/fletchmq/fletch/packets"
)

// Retained is a message that is kept for those who subscribe later. It is one piece
// of memory, and shares nothing with the message that it was made of. Nobody changes
// it, so it needs no references.
type Retained struct {
	packed string // sequence, QoS, From with its length, then a PUBLISH of 5.0 at QoS 0
}

// Where things are in a Retained.
const (
	qosAt  = 8
	fromAt = 11
)

// RetainedOf is m, at that place among all that ever were retained.
func RetainedOf(m *Message, sequence uint64) Retained {
	p := m.Publish
	p.QoS, p.Dup, p.PacketID = 0, false, 0
	var some [256]byte
	b := binary.BigEndian.AppendUint64(some[:0], sequence)
	b = append(b, byte(m.Publish.QoS))
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.From)))
	b = append(b, m.From...)
	return Retained{string(p.AppendTo(b, packets.V5))}
}

// Sequence is the place of r among all that ever were retained.
func (r Retained) Sequence() uint64 { return binary.BigEndian.Uint64(r.bytes()) }

// Topic is the topic name, a part of r.
func (r Retained) Topic() string {
	body := r.packed[len(r.packed)-len(r.body()):]
	return body[2 : 2+binary.BigEndian.Uint16(r.body())]
}

// Cost is what r counts where it is kept, in bytes.
func (r Retained) Cost() int { return overhead + len(r.packed) - r.publishAt() }

// Message is r as it is sent, with a reference for the caller. It is good for as long
// as that is. Expires is when r does, zero if never.
func (r Retained) Message(expires time.Time) *Message {
	m := messages.Get().(*Message)
	m.frame, m.From = nil, r.packed[fromAt:r.publishAt()]
	m.expireAt(expires)
	m.packet = r.bytes()[r.publishAt():]
	m.size, m.head, m.version = int32(len(m.packet)), uint8(len(m.packet)-len(r.body())), packets.V5
	m.refs.Store(1)
	if err := m.Publish.Decode(r.packed[r.publishAt()], r.body(), packets.V5); err != nil {
		panic("session: retained message is not valid: " + err.Error())
	}
	m.Publish.QoS = packets.QoS(r.packed[qosAt])
	return m
}

// bytes is a view of r, not to be changed.
func (r Retained) bytes() []byte { return unsafe.Slice(unsafe.StringData(r.packed), len(r.packed)) }

func (r Retained) publishAt() int {
	return fromAt + int(binary.BigEndian.Uint16(r.bytes()[qosAt+1:]))
}

// body is what stands behind the fixed header of the PUBLISH.
func (r Retained) body() []byte {
	b := r.bytes()[r.publishAt()+1:]
	for b[0] >= 0x80 {
		b = b[1:]
	}
	return b[1:]
}
