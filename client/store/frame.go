package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// A frame is one batch in a segment: its head, and the changes. The sum over the head
// depends on the segment and on the place in it, so that no value, whoever has made
// it, and nothing left over in a block of the disk passes for a frame.
const (
	frameHead = 4 + 4 + 4 // length of the changes, CRC of them, CRC of these two
	maxFrame  = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal fills in the head of frame, which is to be at offset of a segment.
func seal(frame []byte, salt uint64, offset int64) {
	ops := frame[frameHead:]
	binary.BigEndian.PutUint32(frame, uint32(len(ops)))
	binary.BigEndian.PutUint32(frame[4:], crc32.Checksum(ops, castagnoli))
	binary.BigEndian.PutUint32(frame[8:], headSum(frame, salt, offset))
}

// sealed reads the head of a frame at offset: how long the changes are, and their CRC.
func sealed(head []byte, salt uint64, offset int64) (size int64, sum uint32, ok bool) {
	size = int64(binary.BigEndian.Uint32(head))
	sum = binary.BigEndian.Uint32(head[4:])
	return size, sum, size <= maxFrame && binary.BigEndian.Uint32(head[8:]) == headSum(head, salt, offset)
}

func headSum(head []byte, salt uint64, offset int64) uint32 {
	// The factor is 2 to the 64 over the golden ratio: neighbours come far apart.
	place := (salt + uint64(offset)) * 0x9E3779B97F4A7C15
	return crc32.Update(uint32(place>>32), castagnoli, head[:8])
}

// Why frames.next gives no frame.
var (
	errShort = errors.New("there is the beginning of a frame and not the end")
	errSum   = errors.New("there is no frame with the right checksum")
	errOps   = errors.New("there is a whole frame that makes no sense")
)

// frames reads a segment frame by frame.
type frames struct {
	in     *bufio.Reader
	salt   uint64
	offset int64 // of the next frame
	end    int64 // of the last one
	head   [frameHead]byte
	ops    []byte
}

const readAhead = 64 << 10

func newFrames(file io.ReaderAt, salt uint64, offset, end int64) *frames {
	return &frames{
		in:     bufio.NewReaderSize(io.NewSectionReader(file, offset, end-offset), readAhead),
		salt:   salt,
		offset: offset,
		end:    end,
	}
}

// next gives the changes of the next frame, good until next is called again, and
// where in the segment they are. The error is io.EOF at the end, one of those above,
// which is then that of offset, or one of the system.
func (f *frames) next() (ops []byte, at int64, err error) {
	left := f.end - f.offset - frameHead
	switch {
	case left == -frameHead:
		return nil, 0, io.EOF
	case left < 0:
		return nil, 0, errShort
	}
	if _, err := io.ReadFull(f.in, f.head[:]); err != nil {
		return nil, 0, err
	}
	size, sum, ok := sealed(f.head[:], f.salt, f.offset)
	switch {
	case !ok:
		return nil, 0, errSum
	case size > left:
		return nil, 0, errShort
	}
	if int64(cap(f.ops)) < size {
		f.ops = make([]byte, size)
	}
	f.ops = f.ops[:size]
	if _, err := io.ReadFull(f.in, f.ops); err != nil {
		return nil, 0, err
	}
	switch {
	case crc32.Checksum(f.ops, castagnoli) != sum:
		return nil, 0, errSum
	case !sensible(f.ops):
		return nil, 0, errOps
	}
	at = f.offset + frameHead
	f.offset = at + size
	return f.ops, at, nil
}

func sensible(ops []byte) bool {
	for len(ops) > 0 {
		_, size, ok := cutOp(ops)
		if !ok {
			return false
		}
		ops = ops[size:]
	}
	return true
}

// nextWhole gives where behind offset the next whole frame begins, -1 if there is
// none before end.
func nextWhole(file io.ReaderAt, salt uint64, offset, end int64) (int64, error) {
	rest := make([]byte, end-offset)
	if _, err := io.ReadFull(io.NewSectionReader(file, offset, end-offset), rest); err != nil {
		return 0, err
	}
	for i := 1; i+frameHead <= len(rest); i++ {
		size, sum, ok := sealed(rest[i:], salt, offset+int64(i))
		if body := rest[i+frameHead:]; ok && size <= int64(len(body)) && crc32.Checksum(body[:size], castagnoli) == sum {
			return offset + int64(i), nil
		}
	}
	return -1, nil
}
