package packets

//go:generate go run github.com/fletchmq/fletch/gen -out .

import (
	"log/slog"
	"slices"
	"strconv"

	"github.com/fletchmq/fletch/packets/wire"
)

// Version is a protocol level as it stands in CONNECT.
type Version uint8

// The protocol levels.
const (
	V31  Version = 3
	V311 Version = 4
	V5   Version = 5
)

// String is the version as people write it: "3.1.1", or "level 7". Version 0 is
// that of a connection before its CONNECT.
func (v Version) String() string {
	switch v {
	case 0:
		return "unknown"
	case V31:
		return "3.1"
	case V311:
		return "3.1.1"
	case V5:
		return "5.0"
	}
	return "level " + strconv.Itoa(int(v))
}

// QoS is a Quality of Service level, section 4.3.
type QoS uint8

// The levels of delivery.
const (
	AtMostOnce  QoS = 0
	AtLeastOnce QoS = 1
	ExactlyOnce QoS = 2
)

// RetainHandling says which retained messages a new subscription is sent,
// section 3.8.3.1.
type RetainHandling uint8

// The ways to handle retained messages.
const (
	SendRetained      RetainHandling = 0 // always
	SendRetainedIfNew RetainHandling = 1 // unless the subscription was there already
	DoNotSendRetained RetainHandling = 2
)

// Side is one of the two ends of a connection.
type Side uint8

// The two ends.
const (
	Client Side = 1
	Server Side = 2
)

// Packet is a control packet: a pointer to one of the structs of this package.
// Nothing here is safe for use by several goroutines at once.
type Packet interface {
	// Type is the packet's type.
	Type() Type

	// Size is the Remaining Length of the packet in version v.
	Size(v Version) int

	// AppendTo appends the packet, fixed header and all, in version v. It does
	// not validate: a field that is out of range gives a packet that nobody can
	// read. What version v does not have is left out.
	AppendTo(b []byte, v Version) []byte

	// Decode reads the packet that has this first byte and this body, which is
	// all that comes behind the Remaining Length. What is in the packet
	// afterwards are views into body: they live as long as it does, and no
	// longer than until the next Decode. It keeps the capacity of the slices of
	// the packet, so decode into the same one again and again.
	//
	// A packet that is malformed or breaks a rule gives a *BrokenError; what the
	// struct holds is then undefined.
	Decode(first byte, body []byte, v Version) error

	// Validate reports what would keep a peer that speaks version v from
	// accepting the packet: a *BrokenError, or nil.
	Validate(v Version) error

	// String is the packet in one line, without secrets.
	String() string

	slog.LogValuer
}

// MaxRemainingLength is the largest Remaining Length of a packet in bytes,
// section 2.1.4.
const MaxRemainingLength = wire.MaxVarInt

// appendHeader appends a fixed header, section 2.1, and makes room for so many of
// the bytes that come behind it.
func appendHeader(b []byte, first byte, remaining, room int) []byte {
	if free := cap(b) - len(b); free < room+5 && free < 1+wire.SizeVarInt(uint32(remaining))+room {
		b = slices.Grow(b, room+5)
	}
	return wire.AppendVarInt(append(b, first), uint32(remaining))
}

// sizeBlock is the size of a property block of n bytes with its length prefix.
func sizeBlock(n int) int { return wire.SizeVarInt(uint32(n)) + n }

func bit(b bool) (v byte) {
	if b {
		v = 1
	}
	return v
}
