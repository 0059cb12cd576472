package broker

import (
	"errors"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
	"github.com/fletchmq/fletch/packets/frame"
)

// conn is one connection, whoever serves it: its engine gives it one packet
// after the other, and lets it end.
type conn struct {
	b       *Broker
	link    link
	started time.Duration // after the broker began
	counter uint8         // among Broker.tallies
	place   int32         // among Broker.conns; under Broker.mu

	// Of who serves it.
	turn     *turn         // in which packets are handled
	patience time.Duration // between two packets, 0 for ever
	aliases  *flow.AliasIn // nil before the first
	proof    *proof        // nil without an authentication method in CONNECT
	who      *Login        // nil without Authorize
	refused  uint32        // filters and messages
	away     bool          // has left the session
	assigned bool          // the broker has chosen clientID
	replaced bool          // a session that is stored has ended for this one
	unstored bool          // the session is as it was, and what has changed in it waits for the store
	bridge   bool          // gets nothing of its own, and RETAIN as it was published
	terse    bool          // Request Problem Information 0

	// Of who serves it until CONNECT has been accepted, then nobody changes them.
	version  packets.Version // 0 until CONNECT has said
	hasLeft  bool            // under mu
	peer     session.Peer
	clientID string
	client   *client // nil until CONNECT has been accepted

	mu    sync.Mutex
	line  *session.Line // nil until CONNACK has said Success, then never changed
	cause error         // why it ends, nil while it does not
	some  *waits        // nil if nobody has waited
}

// waits is of those who wait for a connection, or in its name. It is under conn.mu.
type waits struct {
	left chan struct{} // closed when the session is another's, nil if nobody waits for that
	room chan struct{} // in the socket, for what is written without a line, nil if nothing is
	stop func()        // ends a question to the user of the package, nil without one
}

// waiters is c.some, made if need be. It is called with c.mu.
func (c *conn) waiters() *waits {
	if c.some == nil {
		c.some = new(waits)
	}
	return c.some
}

// tally is where the connection counts.
func (c *conn) tally() *tally { return &c.b.tallies[c.counter] }

// link is a connection as its engine has it.
type link interface {
	// Flush sends what the line has. After Over it hangs up.
	session.Owner

	// take makes body, that of the packet that is being handled, the caller's.
	take(body []byte) *frame.Frame

	// whole gives all of the packet that is being handled, whose body has size bytes,
	// nil unless it stands in memory that is good until the end of the turn.
	whole(size int) []byte

	// write sends b while there is no line.
	write(b []byte) error

	// hangUp says that nothing more is written: nothing follows, or err is why
	// nothing can.
	hangUp(err error)

	// notice lets who serves the connection find out that it is to end. It does not
	// wait, and is called with conn.mu.
	notice()

	// abort closes the connection as it is. It does not wait.
	abort()

	remoteAddr() net.Addr
	peerName() string
}

// How long, and for how many bytes, a connection that ends is still read, so
// that its peer gets to know why.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 1 << 20
)

// progress is how many bytes of a packet renew patience.
const progress = 4096

// init makes c a connection of b.
func (c *conn) init(b *Broker, l link) {
	c.b, c.link = b, l
	c.started = time.Since(b.began)
	c.counter = uint8(b.accepted.Add(1) % tallies)
	c.patience = b.config.ConnectTimeout
}

// start is when the connection was accepted.
func (c *conn) start() time.Time { return c.b.began.Add(c.started) }

// guard makes a panic an error.
func guard(f func() error) (err error) {
	defer caught(&err)
	return f()
}

// caught is for defer: it makes a panic an error.
func caught(err *error) {
	if v := recover(); v != nil {
		*err = &panicked{v, debug.Stack()}
	}
}

// packet handles a packet. An error is why the connection ends.
func (c *conn) packet(first byte, body []byte) error {
	c.turn.received.Packets++
	c.turn.Crowded, c.turn.put = nil, false
	if packets.Type(first>>4) == packets.TypePublish {
		c.turn.received.Messages++
	}
	err := c.byPhase(first, body)
	if err == nil && len(body) > keepBody {
		c.turn.forget()
	}
	return err
}

// keepBody is how large a packet may be, in bytes, for the memory that it took to
// be kept for the next.
const keepBody = 64 << 10

func (c *conn) byPhase(first byte, body []byte) error {
	switch {
	case c.line != nil:
		return c.handle(first, body)
	case c.proof != nil:
		return c.response(first, body)
	}
	return c.connect(first, body)
}

// count lets all know what the turn has counted.
func (c *conn) count() {
	c.tally().received.add(c.turn.received)
	c.turn.received = Traffic{}
}

// whyEnd is why the connection ends when reading gave err.
func (c *conn) whyEnd(err error, late bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.cause != nil:
		return c.cause
	case !late:
		return err
	case c.line != nil:
		return errKeepAlive // [MQTT-3.1.2-22] [MQTT3-3.1.2-24]
	}
	return errConnectTimeout
}

// kill lets the connection end for that cause, unless it ends already for
// another. Any goroutine may call it; it does not wait.
func (c *conn) kill(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = cause
		c.link.notice()
		if c.some != nil && c.some.stop != nil {
			c.some.stop()
		}
		if c.line != nil {
			c.line.Hurry()
		}
	}
}

// dying reports whether there is a reason to end.
func (c *conn) dying() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cause != nil
}

// setCause lets nobody else end the connection.
func (c *conn) setCause(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = cause
	}
}

// setLine says that there is one.
func (c *conn) setLine(l *session.Line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line = l
	if c.cause != nil {
		l.Hurry()
	}
}

// end gives up the session and says farewell, whatever happens. The connection
// has then been closed by the peer, or may be.
func (c *conn) end(cause error) {
	if err := guard(func() error { c.part(cause); return nil }); err != nil {
		guard(func() error { c.logEnd(err); return nil }) // it may be the Logger that panics
		if c.line != nil {
			c.line.Close(nil, false, &c.turn.Turn)
		}
		c.b.leave(c, cause)
	}
	if c.b.journal != nil {
		c.b.journal.Forget(c.link)
	}
	if c.proof != nil {
		c.proof.end()
	}
	c.count()
}

func (c *conn) part(cause error) {
	c.setCause(cause)
	if c.line != nil {
		if errors.Is(cause, errTakenOver) {
			c.client.out.Expect()
		}
		flush := errors.Is(cause, errShutdown) && !c.client.out.Stored()
		c.line.Close(c.farewell(cause), flush, &c.turn.Turn)
	}
	c.b.leave(c, cause)
	c.logEnd(cause)
	if c.line == nil {
		c.turn.Flush() // CONNACK may have to wait
		c.link.hangUp(c.refuseWith(cause))
	}
}

// refuseWith sends CONNACK where there is no line.
func (c *conn) refuseWith(cause error) error {
	p := c.farewell(cause)
	if p == nil || !c.peer.Fits(p) {
		return nil
	}
	return c.send(p)
}

// send sends p where there is no line.
func (c *conn) send(p packets.Packet) error {
	b := p.AppendTo(nil, c.version)
	c.tally().sent.add(Traffic{Packets: 1, Bytes: uint64(len(b))})
	return c.link.write(b)
}
