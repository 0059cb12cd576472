package broker

import (
	"errors"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
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

// conn is one connection and its session. Two goroutines serve it: the reader,
// which also begins and ends it, and the writer.
type conn struct {
	b       *Broker
	nc      net.Conn
	id      uint64
	out     *session.Outbox
	started time.Time
	written chan struct{} // closed when the writer is gone

	// Set by the reader before anyone else has c, never changed.
	clientID string
	version  packets.Version // 0 until CONNECT has said

	// reader
	in       *frame.Reader
	dec      packets.FromClient
	accepted bool          // CONNACK has said Success
	patience time.Duration // between two packets, 0 for ever
	fresh    bool          // a packet is complete, patience begins anew
	expiry   uint32        // Session Expiry Interval the client has asked for
	receiver flow.Receiver
	filters  map[string]bool // subscribed to
	refused  uint64          // filters
	replays  []session.Replay
	matches  []topics.Subscription[*conn]
	answer   answers

	mu    sync.Mutex
	cause error     // why it ends, nil while it does not
	endBy time.Time // for writes, once it ends
	will  *session.Message
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
		id:       b.lastID.Add(1),
		out:      session.NewOutbox(b.config.MaximumQueuedBytes),
		started:  time.Now(),
		written:  make(chan struct{}),
		patience: b.config.ConnectTimeout,
		fresh:    true,
		filters:  make(map[string]bool),
	}
	c.in = frame.NewReader(c)
	c.in.Limit = uint32(b.config.MaximumPacketSize)
	return c
}

// run is the life of the connection. Whatever happens, it ends in order.
func (c *conn) run() {
	go c.write()
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
	for {
		first, body, err := c.next()
		if err != nil {
			return err
		}
		if err := c.handle(first, body); err != nil {
			return err
		}
	}
}

// next is the next packet, or why there is none.
func (c *conn) next() (first byte, body []byte, err error) {
	if first, body, err = c.in.Next(); err == nil {
		c.fresh = true
		return first, body, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.cause != nil:
		return 0, nil, c.cause
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return 0, nil, err
	case c.accepted:
		return 0, nil, errKeepAlive // [MQTT-3.1.2-22] [MQTT3-3.1.2-24]
	}
	return 0, nil, errConnectTimeout
}

// Read is for frame.Reader. Patience is for whole packets, so that it cannot be
// stretched byte by byte.
func (c *conn) Read(b []byte) (int, error) {
	if c.fresh {
		c.fresh = false
		if err := c.await(); err != nil {
			return 0, err
		}
	}
	return c.nc.Read(b)
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
		c.out.Hurry()
	}
}

// end takes the session down and says farewell. The connection has then been
// closed by the peer, or may be.
func (c *conn) end(cause error) {
	c.b.leave(c)
	for filter := range c.filters {
		c.b.subscriptions.Unsubscribe(filter, c.id)
	}
	c.setEnd(cause)
	c.out.Close(c.farewell(cause), errors.Is(cause, errShutdown))
	c.publishWill() // [MQTT-3.1.2-8] [MQTT3-3.1.2-8]
	c.logEnd(cause)
	c.drain()
	<-c.written
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
	c.out.Close(nil, false)
	<-c.written
	c.out.Discard()
	c.in.Reset(nil)
}
