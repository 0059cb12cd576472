package broker

import (
	"errors"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
	"github.com/fletchmq/fletch/packets/frame"
)

// How long, and for how many bytes, a connection that ends is still read, so
// that its peer gets to know why.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 1 << 20
)

// conn is one connection. Two goroutines serve it: the reader, which also begins
// and ends it, and, once the client has been accepted, the writer.
type conn struct {
	b       *Broker
	nc      net.Conn
	started time.Time
	left    chan struct{} // closed when the session is another's
	tally   *tally

	// Set by the reader before anyone else has c, never changed.
	clientID string
	version  packets.Version // 0 until CONNECT has said
	peer     session.Peer
	client   *client // nil until CONNECT has been accepted

	// reader
	in       *frame.Reader
	dec      packets.FromClient
	written  chan struct{} // closed when the writer is gone, nil before there is one
	patience time.Duration // between two packets, 0 for ever
	fresh    bool          // a packet is complete, patience begins anew
	came     int           // bytes since patience began
	read     Traffic       // not yet counted for all
	expiry   uint32        // Session Expiry Interval in seconds, as granted
	away     bool          // has left the session
	aliases  flow.AliasIn
	refused  uint64 // filters
	proof    *proof // nil without an authentication method in CONNECT
	replays  []session.Replay
	matches  matches
	answer   answers

	mu    sync.Mutex
	line  *session.Line // nil until CONNACK has said Success, then never changed
	cause error         // why it ends, nil while it does not
	stop  func()        // ends a question to the user of the package, nil without one
	endBy time.Time     // for writes, once it ends
}

// answers are the packets sent back, each used again and again.
type answers struct {
	puback   packets.Puback
	pubrec   packets.Pubrec
	pubrel   packets.Pubrel
	pubcomp  packets.Pubcomp
	suback   packets.Suback
	unsuback packets.Unsuback
	pingresp packets.Pingresp
}

func newConn(b *Broker, nc net.Conn) *conn {
	c := &conn{
		b:        b,
		nc:       nc,
		started:  time.Now(),
		left:     make(chan struct{}),
		tally:    &b.tallies[b.accepted.Add(1)%tallies],
		patience: b.config.ConnectTimeout,
		fresh:    true,
	}
	c.in = frame.NewReader(c)
	c.in.Limit = uint32(b.config.MaximumPacketSize)
	return c
}

// run is the life of the connection. Whatever happens, it ends in order.
func (c *conn) run() {
	defer c.b.finished(c)
	defer c.close()
	cause := guard(c.serve)
	if err := guard(func() error { c.end(cause); return nil }); err != nil {
		guard(func() error { c.logEnd(err); return nil }) // it may be the Logger that panics
	}
}

// guard makes a panic an error.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return f()
}

// serve reads until there is a reason to end.
func (c *conn) serve() error {
	if err := c.connect(); err != nil {
		return err
	}
	c.forget() // CONNECT comes once
	for {
		first, body, err := c.next()
		if err != nil {
			return err
		}
		if err := c.handle(first, body); err != nil {
			return err
		}
		if len(body) > keepBody {
			c.forget()
		}
	}
}

// keepBody is how large a packet may be, in bytes, for the memory that it took to
// be kept for the next.
const keepBody = 64 << 10

// forget gives back what packets have left in memory.
func (c *conn) forget() {
	c.dec, c.answer, c.replays = packets.FromClient{}, answers{}, nil
}

// next is the next packet, or why there is none.
func (c *conn) next() (first byte, body []byte, err error) {
	if first, body, err = c.in.Next(); err == nil {
		c.fresh = true
		c.read.Packets++
		if packets.Type(first>>4) == packets.TypePublish {
			c.read.Messages++
		}
		return first, body, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.cause != nil:
		return 0, nil, c.cause
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return 0, nil, err
	case c.line != nil:
		return 0, nil, errKeepAlive // [MQTT-3.1.2-22] [MQTT3-3.1.2-24]
	}
	return 0, nil, errConnectTimeout
}

// progress is how many bytes of a packet renew patience.
const progress = 4096

// Read is for frame.Reader. Patience is for the time between packets, section
// 3.1.2.10, so a large one may take longer, but not be stretched byte by byte,
// and a CONNECT not at all.
func (c *conn) Read(b []byte) (n int, err error) {
	if c.fresh || c.came >= progress && c.line != nil {
		c.fresh, c.came = false, 0
		if err := c.await(); err != nil {
			return 0, err
		}
	}
	c.count()
	n, err = c.nc.Read(b)
	c.read.Bytes += uint64(n)
	c.came += n
	return n, err
}

// count lets all know what the reader has counted.
func (c *conn) count() {
	c.tally.received.add(c.read)
	c.read = Traffic{}
}

func (c *conn) await() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause != nil {
		return c.cause
	}
	var deadline time.Time
	if c.patience > 0 {
		deadline = time.Now().Add(c.patience)
	}
	return c.nc.SetReadDeadline(deadline)
}

// kill lets the reader end the connection for that cause, unless it ends already
// for another. Any goroutine may call it; it does not wait.
func (c *conn) kill(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = cause
		c.nc.SetReadDeadline(time.Unix(1, 0))
		if c.stop != nil {
			c.stop()
		}
		if c.line != nil {
			c.line.Hurry()
		} else {
			c.nc.SetWriteDeadline(time.Unix(1, 0)) // of an AUTH
		}
	}
}

// setLine starts the writer.
func (c *conn) setLine(l *session.Line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line = l
	if c.cause != nil {
		l.Hurry()
	}
	c.written = make(chan struct{})
	go c.write()
}

// end gives up the session and says farewell. The connection has then been
// closed by the peer, or may be.
func (c *conn) end(cause error) {
	c.setEnd(cause)
	if c.line != nil {
		if errors.Is(cause, errTakenOver) {
			c.client.out.Expect()
		}
		c.line.Close(c.farewell(cause), errors.Is(cause, errShutdown))
	}
	c.b.leave(c)
	c.logEnd(cause)
	if c.line == nil {
		c.hangUp(c.refuseWith(cause))
	}
	c.drain()
	if c.written != nil {
		<-c.written
	}
}

// refuseWith sends CONNACK where there is no writer.
func (c *conn) refuseWith(cause error) error {
	p := c.farewell(cause)
	if p == nil || !c.peer.Fits(p) {
		return nil
	}
	n, err := c.nc.Write(p.AppendTo(nil, c.version))
	c.tally.sent.add(Traffic{Bytes: uint64(n), Packets: 1})
	return err
}

func (c *conn) setEnd(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = cause
	}
	c.endBy = time.Now().Add(lingerTime)
	c.nc.SetDeadline(c.endBy)
}

// drain reads what the peer still sends: bytes that nobody has read would make
// the close of a TCP connection throw away the farewell.
func (c *conn) drain() {
	scratch := frame.New(4096)
	defer scratch.Release()
	for left := lingerBytes; left > 0; {
		n, err := c.nc.Read(scratch.Bytes())
		left -= n
		if err != nil {
			return
		}
	}
}

// close is the end of the connection's memory and of its goroutines.
func (c *conn) close() {
	c.nc.Close()
	if c.proof != nil {
		c.proof.end()
	}
	if c.line != nil {
		c.line.Close(nil, false)
		<-c.written
	}
	c.b.leave(c)
	c.count()
	c.in.Reset(nil)
}
