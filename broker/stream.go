package broker

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/fletchmq/fletch/broker/origin"
	"github.com/fletchmq/fletch/packets/frame"
)

// stream is a connection that a goroutine of its own reads. Another one writes,
// while there is something to write.
type stream struct {
	conn
	nc       net.Conn
	raw      syscall.RawConn // of nc, nil if it has none
	in       *frame.Reader
	fresh    bool          // a packet is complete, patience begins anew
	final    bool          // has had its last read
	came     int           // bytes since patience began
	relieved chan struct{} // the line is not Crowded any more
	written  chan struct{} // closed when nothing is written any more
	endBy    time.Time     // for writes, once the connection ends; under conn.mu
}

func newStream(b *Broker, nc net.Conn) *stream {
	s := &stream{nc: nc, fresh: true, relieved: make(chan struct{}, 1), written: make(chan struct{})}
	s.init(b, s)
	s.raw = rawConn(nc)
	s.in = frame.NewReader(s)
	s.in.Limit = uint32(b.config.MaximumPacketSize)
	return s
}

// whole is of link. What a stream reads is gone before its turn ends.
func (s *stream) whole(int) []byte { return nil }

// run is the life of the connection. Whatever happens, it ends in order.
func (s *stream) run() {
	defer s.b.finished(&s.conn)
	defer s.nc.Close()
	cause := guard(s.serve)
	if s.turn == nil {
		s.turn = begin()
	}
	s.setCause(cause) // from here on nobody takes the peer's time to read the farewell
	s.setEnd()
	s.end(cause)
	s.turn.end()
	s.drain()
	if s.line != nil {
		<-s.written
	}
	s.in.Reset(nil)
}

// serve reads until there is a reason to end.
func (s *stream) serve() error {
	for {
		s.in.Version = s.version
		first, body, err := s.next()
		if err != nil {
			return s.whyEnd(err, errors.Is(err, os.ErrDeadlineExceeded))
		}
		s.fresh = true
		if err := s.packet(first, body); err != nil {
			return err
		}
		s.await()
	}
}

// next waits for the next packet, without a buffer where that can be.
func (s *stream) next() (first byte, body []byte, err error) {
	if s.raw != nil && s.in.Park() {
		if err := s.rest(); err != nil {
			return 0, nil, err
		}
		if err := s.raw.Read(readable); err != nil && !s.once(err) {
			return 0, nil, err
		}
	}
	return s.in.Next()
}

// await waits until the peer takes the answers that it has asked for, and those
// who receive what it publishes have room for more.
func (s *stream) await() {
	if s.line == nil {
		return
	}
	for s.mustWait() {
		s.turn.Flush()
		<-s.relieved
	}
}

// rest is for what waits for the peer: the turn ends, and patience may begin anew.
// That is for the time between packets, section 3.1.2.10, so a large one may take
// longer, but not be stretched byte by byte, and a CONNECT not at all.
func (s *stream) rest() error {
	if s.turn != nil {
		s.count()
		s.turn.end()
		s.turn = nil
	}
	if s.fresh || s.came >= progress && s.line != nil {
		s.fresh, s.came = false, 0
		return s.setPatience()
	}
	return nil
}

// Read is for frame.Reader.
func (s *stream) Read(b []byte) (n int, err error) {
	if err := s.rest(); err != nil {
		return 0, err
	}
	n, err = s.nc.Read(b)
	if err != nil && s.once(err) {
		n, err = s.nc.Read(b)
	}
	s.came += n
	s.turn = begin()
	s.turn.received.Bytes += uint64(n)
	return n, err
}

// once gives who is taken over one more read, for what had come before its last time was
// over: a busy system may not have let it read that.
func (s *stream) once(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.final || !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(s.cause, errTakenOver) {
		return false
	}
	s.final = true
	return s.nc.SetReadDeadline(time.Now().Add(lastTime)) == nil
}

func (s *stream) setPatience() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(s.cause, errTakenOver):
		return nil // its last time goes on
	case s.cause != nil:
		return s.cause
	}
	var deadline time.Time
	if s.patience > 0 {
		deadline = time.Now().Add(s.patience)
	}
	return s.nc.SetReadDeadline(deadline)
}

// take is of link, as what follows is.
func (s *stream) take(body []byte) *frame.Frame { return s.in.Take(body) }

// lastTime is how long who is taken over is read for the last time: it may have
// ended with DISCONNECT.
const lastTime = 5 * time.Millisecond

// notice ends the Read that goes on, and the write of an AUTH.
func (s *stream) notice() {
	by := time.Unix(1, 0)
	if errors.Is(s.cause, errTakenOver) {
		by = time.Now().Add(lastTime)
	}
	s.nc.SetReadDeadline(by)
	if s.line == nil {
		s.nc.SetWriteDeadline(time.Unix(1, 0))
	}
}

func (s *stream) abort() { s.nc.Close() }

func (s *stream) remoteAddr() net.Addr { return s.nc.RemoteAddr() }

func (s *stream) peerName() string {
	name, _ := origin.Name(s.nc)
	return name
}

// write is for the packets before there is a line: it may take as long as the
// client may to connect.
func (s *stream) write(b []byte) error {
	if err := s.allowFirst(); err != nil {
		return err
	}
	if _, err := s.nc.Write(b); err != nil {
		return s.whyEnd(err, false)
	}
	return nil
}

// Relieved is of session.Owner.
func (s *stream) Relieved() {
	select {
	case s.relieved <- struct{}{}:
	default:
	}
}

func (s *stream) allowFirst() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.endBy.IsZero():
		return s.nc.SetWriteDeadline(s.endBy)
	case s.cause != nil:
		return s.cause
	}
	return s.nc.SetWriteDeadline(s.deadline())
}

func (s *stream) hangUp(err error) {
	half, ok := s.nc.(interface{ CloseWrite() error })
	if err == nil && ok && half.CloseWrite() == nil {
		return
	}
	if err != nil {
		s.kill(err)
	}
	s.nc.Close()
}

// setEnd gives what is left to do little time.
func (s *stream) setEnd() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endBy = time.Now().Add(lingerTime)
	s.nc.SetDeadline(s.endBy)
}

// drain reads what the peer still sends: bytes that nobody has read would make
// the close of a TCP connection throw away the farewell.
func (s *stream) drain() {
	scratch := frame.New(4096)
	defer scratch.Release()
	for left := lingerBytes; left > 0; {
		n, err := s.nc.Read(scratch.Bytes())
		left -= n
		if err != nil {
			return
		}
	}
}
