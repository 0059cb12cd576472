package journal

import (
	"encoding/binary"
	"fmt"

	"github.com/fletchmq/fletch/packets"
)

// The kinds of records, which are the first byte of their keys.
const (
	kindExchange     = 'e' // of QoS 2 with a receiver that has sent PUBREC: session, identifier
	kindHeld         = 'h' // QoS 2 identifier of a publisher, until PUBREL: session, identifier
	kindMessage      = 'm' // that sessions wait for: sequence number
	kindNumber       = 'n' // sequence number that is the last to have been used
	kindRetained     = 'r' // message: topic name
	kindSession      = 's' // number
	kindSubscription = 't' // session, topic filter
	kindReplay       = 'w' // retained messages that are wanted: session, topic filter
)

// key begins one of a session, or of a message.
func key(dst []byte, kind byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, kind), number)
}

func identifierKey(dst []byte, kind byte, session uint64, id uint16) []byte {
	return binary.BigEndian.AppendUint16(key(dst, kind, session), id)
}

// numbered is the number in a key, and what follows it.
func numbered(key []byte) (number uint64, rest []byte, err error) {
	if len(key) < 9 {
		return 0, nil, errRecord(key)
	}
	return binary.BigEndian.Uint64(key[1:]), key[9:], nil
}

func identified(key []byte) (session uint64, id uint16, err error) {
	session, rest, err := numbered(key)
	if err != nil || len(rest) != 2 {
		return 0, 0, errRecord(key)
	}
	return session, binary.BigEndian.Uint16(rest), nil
}

// RecordError is a record that does not mean anything: what is damaged is told by the
// store, so another program has written it.
type RecordError struct{ Key []byte }

func (e *RecordError) Error() string { return fmt.Sprintf("journal: no record: key %q", e.Key) }

func errRecord(key []byte) error { return &RecordError{append([]byte(nil), key...)} }

// appendText appends what reader.text reads.
func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// reader takes values apart. Once something is missing it gives nothing any more.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uint() uint64 {
	n, k := binary.Uvarint(r.rest)
	if k <= 0 {
		r.rest, r.bad = nil, true
		return 0
	}
	r.rest = r.rest[k:]
	return n
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.bad = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// flags are a byte whose last two bits are a QoS.
func (r *reader) flags() (flags byte, qos packets.QoS) {
	flags = r.byte()
	if qos = packets.QoS(flags & 3); qos > packets.ExactlyOnce {
		r.bad = true
	}
	return flags, qos
}

// bytes is a view.
func (r *reader) bytes() []byte {
	n := r.uint()
	if n > uint64(len(r.rest)) {
		r.rest, r.bad = nil, true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) text() string { return string(r.bytes()) }
