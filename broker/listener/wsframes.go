package listener

import (
	"encoding/binary"
	"errors"
	"math"
	"net"
	"sync"

	"github.com/gobwas/ws"
)

const (
	// fixedHeader is the longest fixed header of an MQTT packet, in bytes.
	fixedHeader = 5

	// joined is how long a piece is to be written from one buffer with what stands
	// before it, in bytes. Copying longer ones costs more than it saves.
	joined = 4 << 10

	// keepJoined is how large such a buffer is kept for the next Write, in bytes.
	keepJoined = 128 << 10
)

var errNotMQTT = errors.New("WebSocket: written what is not MQTT")

// cutter cuts a stream of MQTT packets where they begin.
type cutter struct {
	owed int                   // bytes that are missing of the packet that was begun
	held [fixedHeader - 1]byte // of one whose length is not known yet
	n    int                   // how many
}

// begin is for the bytes behind a packet. It appends to head what stands before b
// on the wire, the header of a frame for the packet that begins with b and what
// was held of that, and gives b; or, while the length is not known, holds b and
// gives nothing.
func (k *cutter) begin(head, b []byte) (_, rest []byte, err error) {
	var fixed [fixedHeader]byte
	have := copy(fixed[:], k.held[:k.n])
	have += copy(fixed[have:], b)
	length, size := binary.Uvarint(fixed[1:have]) // section 1.5.5
	switch {
	case size > 0:
		head = appendHeader(head, 1+size+int(length))
		head = append(head, k.held[:k.n]...)
		k.owed, k.n = 1+size+int(length)-k.n, 0
		return head, b, nil
	case have < fixedHeader:
		k.n = copy(k.held[:], fixed[:have])
		return head, nil, nil
	}
	return head, b, errNotMQTT
}

// appendHeader appends that of a whole binary frame [MQTT-6.0.0-1]
// [MQTT3-6.0.0-1]. Servers do not mask.
func appendHeader(b []byte, length int) []byte {
	const first = 0x80 | byte(ws.OpBinary)
	switch {
	case length < 126:
		return append(b, first, byte(length))
	case length <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, first, 126), uint16(length))
	}
	return binary.BigEndian.AppendUint64(append(b, first, 127), uint64(length))
}

// gathering is what goes to the connection at once.
type gathering struct {
	buf     []byte
	cuts    []cut
	vectors net.Buffers // still to be written
	memory  net.Buffers // of vectors
}

// cut is where in buf a piece belongs that stands elsewhere.
type cut struct {
	at    int
	piece []byte
}

var gatherings = sync.Pool{New: func() any { return new(gathering) }}

// add adds b with headers where k finds that packets begin.
func (g *gathering) add(k *cutter, b []byte) (err error) {
	for len(b) > 0 {
		if k.owed == 0 {
			if g.buf, b, err = k.begin(g.buf, b); err != nil {
				return err
			}
		}
		piece := b[:min(len(b), k.owed)]
		k.owed -= len(piece)
		b = b[len(piece):]
		if len(piece) < joined {
			g.buf = append(g.buf, piece...)
		} else {
			g.cuts = append(g.cuts, cut{len(g.buf), piece})
		}
	}
	return nil
}

// write gives the bytes that conn has taken.
func (g *gathering) write(conn net.Conn) (int, error) {
	if len(g.cuts) == 0 {
		if len(g.buf) == 0 {
			return 0, nil
		}
		return conn.Write(g.buf)
	}
	at := 0
	g.memory = g.memory[:0]
	for _, c := range g.cuts {
		if at < c.at {
			g.memory = append(g.memory, g.buf[at:c.at])
		}
		g.memory = append(g.memory, c.piece)
		at = c.at
	}
	if at < len(g.buf) {
		g.memory = append(g.memory, g.buf[at:])
	}
	g.vectors = g.memory
	n, err := g.vectors.WriteTo(conn)
	return int(n), err
}

// done gives g back, with nothing in it.
func (g *gathering) done() {
	if cap(g.buf) > keepJoined {
		g.buf = nil
	}
	clear(g.cuts)
	clear(g.memory)
	g.buf, g.cuts, g.vectors = g.buf[:0], g.cuts[:0], nil
	gatherings.Put(g)
}
