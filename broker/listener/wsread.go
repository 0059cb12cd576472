package listener

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/gobwas/ws"
)

// unframer takes payloads out of the frames of a client, RFC 6455 section 5. It
// keeps no bytes but those of a header and of a control frame that are not
// complete.
type unframer struct {
	raw     [ws.MaxHeaderSize]byte
	have    int       // bytes of raw
	head    ws.Header // of the frame whose payload comes
	left    uint64    // of that payload, in bytes
	offset  int       // in it, for the mask
	state   ws.State
	control []byte // payload of a control frame
}

// ending is why reading is over: what the peer is told, and what Read gives.
type ending struct {
	status ws.StatusCode
	err    error
}

func broken(err error) *ending {
	return &ending{ws.StatusProtocolError, fmt.Errorf("WebSocket: %w", err)}
}

// take unmasks the payload in b and moves it to the beginning of b, n bytes. It
// gives pong the payload of each ping, good until pong returns. Behind an end, b
// has nothing more.
func (u *unframer) take(b []byte, pong func(payload []byte)) (n int, end *ending) {
	for rest := b; len(rest) > 0; {
		if u.left == 0 {
			var complete bool
			if rest, complete = u.collect(rest); !complete {
				return n, nil
			}
			if end := u.begin(); end != nil {
				return n, end
			}
		}
		k := int(min(u.left, uint64(len(rest))))
		part := rest[:k]
		rest = rest[k:]
		ws.Cipher(part, u.head.Mask, u.offset)
		u.offset = (u.offset + k) % len(u.head.Mask)
		u.left -= uint64(k)
		if !u.head.OpCode.IsControl() {
			n += copy(b[n:], part) // [MQTT-6.0.0-2] [MQTT3-6.0.0-2]
			continue
		}
		u.control = append(u.control, part...)
		if u.left > 0 {
			continue
		}
		switch u.head.OpCode {
		case ws.OpPing:
			pong(u.control)
		case ws.OpClose:
			return n, farewell(u.control)
		}
		u.control = nil
	}
	return n, nil
}

// collect moves bytes of b to the header, and reports whether that is complete.
func (u *unframer) collect(b []byte) (rest []byte, complete bool) {
	for u.have < 2 || u.have < headerSize(u.raw[1]) {
		if len(b) == 0 {
			return nil, false
		}
		u.raw[u.have] = b[0]
		u.have++
		b = b[1:]
	}
	u.have = 0
	return b, true
}

var errTextFrame = errors.New("WebSocket: a text frame: MQTT is in binary ones")

// headerSize is that of the header whose second byte is b.
func headerSize(b byte) int {
	size := 2
	switch b & 0x7F {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if b&0x80 != 0 {
		size += 4
	}
	return size
}

// begin looks at a header that is complete.
func (u *unframer) begin() *ending {
	size := headerSize(u.raw[1])
	u.head = ws.Header{
		Fin:    u.raw[0]&0x80 != 0,
		Rsv:    u.raw[0] >> 4 & 0x07,
		OpCode: ws.OpCode(u.raw[0] & 0x0F),
		Masked: u.raw[1]&0x80 != 0,
		Length: int64(u.raw[1] & 0x7F),
	}
	switch u.head.Length {
	case 126:
		u.head.Length = int64(binary.BigEndian.Uint16(u.raw[2:]))
	case 127:
		u.head.Length = int64(binary.BigEndian.Uint64(u.raw[2:]))
	}
	if u.head.Masked {
		copy(u.head.Mask[:], u.raw[size-4:size])
	}
	if u.head.Length < 0 {
		return broken(ws.ErrHeaderLengthMSB)
	}
	if err := ws.CheckHeader(u.head, u.state.Set(ws.StateServerSide)); err != nil {
		return broken(err)
	}
	if u.head.OpCode == ws.OpText {
		return &ending{ws.StatusUnsupportedData, errTextFrame} // [MQTT-6.0.0-1] [MQTT3-6.0.0-1]
	}
	if !u.head.OpCode.IsControl() {
		u.state = 0
		if !u.head.Fin {
			u.state = ws.StateFragmented
		}
	}
	u.left, u.offset = uint64(u.head.Length), 0
	return nil
}

// farewell is the end by a Close frame of the peer. It is answered with what it
// says.
func farewell(payload []byte) *ending {
	if len(payload) == 0 {
		return &ending{ws.StatusNormalClosure, io.EOF}
	}
	status, reason := ws.ParseCloseFrameData(payload)
	if err := ws.CheckCloseFrameData(status, reason); err != nil {
		return broken(err)
	}
	if status == ws.StatusNormalClosure || status == ws.StatusGoingAway {
		return &ending{status, io.EOF}
	}
	return &ending{status, fmt.Errorf("WebSocket: the peer closed with status %d %q", status, reason)}
}
