package load

import (
	"encoding/binary"
	"time"
)

// stamp is what a payload begins with: the number of its publisher and of the message,
// in 4 bytes each, and when the message was due, in nanoseconds since the run began,
// in 8.
type stamp struct {
	publisher, sequence uint32
	due                 time.Duration
}

func (s stamp) put(b []byte) {
	binary.BigEndian.PutUint32(b, s.publisher)
	binary.BigEndian.PutUint32(b[4:], s.sequence)
	binary.BigEndian.PutUint64(b[8:], uint64(s.due))
}

// readStamp is false if b is of another's making.
func readStamp(b []byte) (s stamp, ok bool) {
	if len(b) < MinimumSize {
		return s, false
	}
	return stamp{
		binary.BigEndian.Uint32(b),
		binary.BigEndian.Uint32(b[4:]),
		time.Duration(binary.BigEndian.Uint64(b[8:])),
	}, true
}
