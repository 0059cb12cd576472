package frame

import (
	"cmp"
	"io"

	"github.com/fletchmq/fletch/packets"
)

const (
	// readSize is Reader.ReadSize unless it is set.
	readSize = 4096

	// maxEmptyReads is how often a Read may give nothing before it is given up.
	maxEmptyReads = 100
)

// Reader reads packets, by one goroutine at a time.
type Reader struct {
	// Limit, Version and From are those of a [Splitter].
	Limit   uint32
	Version packets.Version
	From    packets.Side

	// ReadSize is how much is read at once, in bytes, but for large packets. Zero
	// is 4096. It is not changed between Next and Park.
	ReadSize int

	src io.Reader
	in  Splitter
	buf *Frame // nil while there is nothing in it
	err error  // came with the bytes that were read last
}

// NewReader reads from src.
func NewReader(src io.Reader) *Reader { return &Reader{src: src} }

// Next gives the first byte and the body of the next packet. It reads as much as
// there is, but only when it has no whole packet. The body is good until the
// next call of Next, Park or Reset.
//
// The error is io.EOF if the stream ends between packets, io.ErrUnexpectedEOF if
// it ends inside one, and a [*packets.BrokenError], again and again, if it is not
// MQTT. Any other error is that of the io.Reader, or io.ErrNoProgress if that
// reads nothing and says nothing; it loses no bytes, so that Next may be called
// again, say after a deadline was moved.
func (r *Reader) Next() (first byte, body []byte, err error) {
	r.in.Limit, r.in.Version, r.in.From = r.Limit, r.Version, r.From
	for {
		if first, body, ok := r.in.Next(); ok {
			return first, body, nil
		}
		if err := r.in.Err(); err != nil {
			return 0, nil, err
		}
		if err := r.fill(); err != nil {
			return 0, nil, err
		}
	}
}

// Ready is Next without reading: it is false when there is no whole packet in what
// has been read, and then Next tells why.
func (r *Reader) Ready() (first byte, body []byte, ok bool) { return r.in.Next() }

// Take makes body, which Next has given, the caller's own, as
// [Splitter.Take] does.
func (r *Reader) Take(body []byte) *Frame { return r.in.Take(body) }

// Park gives the buffer back, unless something is left in it, and reports
// whether Next would have to read. What waits for bytes with a parked Reader
// holds no memory between packets.
func (r *Reader) Park() bool {
	if len(r.in.piece) > 0 {
		return false
	}
	r.in.settle()
	r.drop()
	return r.err == nil
}

// Reset gives back all memory and goes on with src, which may be nil if it does
// not go on. Limit, From and ReadSize stay, Version is zero again.
func (r *Reader) Reset(src io.Reader) {
	r.in.Reset()
	r.drop()
	*r = Reader{Limit: r.Limit, From: r.From, ReadSize: r.ReadSize, src: src}
}

func (r *Reader) drop() {
	if r.buf != nil {
		r.buf.Release()
		r.buf = nil
	}
}

// fill reads until that gives something. What is missing of a large packet is
// read where it belongs.
func (r *Reader) fill() error {
	for range maxEmptyReads {
		if r.err != nil {
			return r.end()
		}
		if r.read() > 0 {
			return nil
		}
	}
	return cmp.Or(r.end(), io.ErrNoProgress)
}

func (r *Reader) read() (n int) {
	size := cmp.Or(r.ReadSize, readSize)
	if b := r.in.spare(size); b != nil {
		n, r.err = r.src.Read(b)
		r.in.advance(n)
		return n
	}
	if r.buf == nil {
		r.buf = New(size)
	}
	b := r.buf.Bytes()
	poison(b)
	n, r.err = r.src.Read(b)
	r.in.Feed(b[:n])
	return n
}

// end is the error that came behind the last byte, once.
func (r *Reader) end() error {
	err := r.err
	r.err = nil
	if err == io.EOF && r.in.n != 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}
