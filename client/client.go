package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
	"github.com/fletchmq/fletch/packets/frame"
)

// closeTimeout is how long Close waits for the transport.
const closeTimeout = 3 * time.Second

// Client is a connection to a server. It is made by [Dial] and [New].
type Client struct {
	// Set before the goroutines start, never changed.
	cfg     Config
	rw      io.ReadWriteCloser
	id      string
	connack *packets.Connack
	limits  limits
	start   time.Time
	alive   time.Duration // keep alive in force, 0: none

	// Reader.
	frames *frame.Reader
	dec    packets.FromServer
	lastIn atomic.Int64 // when the transport gave something, since start

	// Channels wake, and carry nothing.
	wake       chan struct{} // the writer; room for one
	gate       chan struct{} // the reader, when it is paused; room for one
	stop       chan struct{} // closed with the transport
	writerDone chan struct{}
	done       chan struct{}
	stopOnce   sync.Once

	waiting atomic.Int32 // requests

	mu sync.Mutex // never held over I/O
	connection
	inbox
}

// connection is what requests, reader and writer share, under Client.mu.
type connection struct {
	buf     []byte     // to be written
	owed    int        // answers to the server in buf
	written []*request // QoS 0, over when buf is written
	quick   []*request // QoS 0, wait for room
	tracked []*request // QoS 1 and 2, wait for room and quota
	pings   []ping     // PINGREQs without an answer
	out     flow.Sender[*request]
	in      flow.Receiver
	aliases flow.AliasIn
	lastOut time.Time // the last byte left
	writing bool
	paused  bool // the reader
	closing bool // nothing is accepted any more
	left    bool // by Disconnect: no more messages
	over    bool // everyone was told
	cause   error
	keeper  *time.Timer // the next look at the keep alive
	linger  *time.Timer // closes the transport that does not end
}

// New connects over rw, an ordered stream without loss [MQTT-4.2-1]
// [MQTT3-7.1.2-1], which it closes in the end, even if that is at once.
// When ctx ends before the server has answered, so does New; later it has no
// effect. Without a deadline it waits as long as the server does.
//
// The error is an [ErrInvalid] for a Config that cannot be, a [*RefusedError]
// from CONNACK, a [*packets.BrokenError], or what the transport or ctx says.
func New(ctx context.Context, rw io.ReadWriteCloser, cfg Config) (*Client, error) {
	c, p, err := prepare(rw, cfg)
	if err != nil {
		rw.Close()
		return nil, err
	}
	unhook := context.AfterFunc(ctx, c.hangUp)
	err = c.handshake(p)
	if !unhook() {
		err = ended(ctx)
	}
	if err != nil {
		c.hangUp()
		return nil, fmt.Errorf("client: cannot connect: %w", err)
	}
	c.begin()
	return c, nil
}

func prepare(rw io.ReadWriteCloser, cfg Config) (*Client, *packets.Connect, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	p, err := cfg.connect()
	if err != nil {
		return nil, nil, err
	}
	c := &Client{
		cfg: cfg, rw: rw, start: time.Now(),
		wake: make(chan struct{}, 1), gate: make(chan struct{}, 1),
		stop: make(chan struct{}), writerDone: make(chan struct{}), done: make(chan struct{}),
	}
	c.frames = frame.NewReader(meter{c})
	c.frames.Limit, c.frames.Version, c.frames.From = cfg.MaximumPacketSize, cfg.Version, packets.Server
	return c, p, nil
}

// handshake sends CONNECT and takes in CONNACK, section 3.1.4.
func (c *Client) handshake(p *packets.Connect) error {
	v := c.cfg.Version
	if _, err := c.rw.Write(p.AppendTo(nil, v)); err != nil { // [MQTT-3.1.0-1]
		return err
	}
	first, body, err := c.frames.Next()
	if err != nil {
		return err
	}
	if packets.Type(first>>4) != packets.TypeConnack {
		return packets.Broken(v, packets.Type(first>>4), connackFirst)
	}
	if v == packets.V5 && len(body) == 2 && body[1] == byte(packets.UnacceptableProtocolVersion) {
		return &RefusedError{Packet: packets.TypeConnack, Reason: packets.UnsupportedProtocolVersion} // a server before 5.0
	}
	c.connack = new(packets.Connack)
	if err := c.connack.Decode(first, bytes.Clone(body), v); err != nil {
		return err
	}
	return c.accept()
}

// accept begins the session that CONNACK has granted.
func (c *Client) accept() error {
	ack, reason := c.connack, c.connack.Reason
	if c.cfg.Version != packets.V5 {
		reason = packets.ReturnCode(reason).ReasonCode()
	}
	detail, _ := ack.Props.ReasonString()
	if err := refusal(packets.TypeConnack, reason, detail); err != nil {
		return err
	}
	if ack.SessionPresent && !c.cfg.KeepSession { // [MQTT-3.2.2-4]
		return packets.Broken(c.cfg.Version, packets.TypeConnack, sessionUnasked)
	}
	c.id, c.alive = c.cfg.ClientID, c.cfg.KeepAlive
	if id, ok := ack.Props.AssignedClientIdentifier(); ok {
		c.id = string(id)
	}
	if s, ok := ack.Props.ServerKeepAlive(); ok { // [MQTT-3.1.2-21] [MQTT-3.2.2-21]
		c.alive = time.Duration(s) * time.Second
	}
	c.limits = limitsOf(&ack.Props)
	return nil
}

// begin starts what runs until the end of the connection. There is nothing of an
// earlier one that a server without a session would have to be spared
// [MQTT-3.2.2-5].
func (c *Client) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.Resume(c.limits.receiveMaximum)
	c.in.Resume(c.cfg.ReceiveMaximum)
	c.aliases.Reset(c.cfg.TopicAliasMaximum)
	c.inbox.init(c.cfg.Handler)
	c.lastOut = time.Now()
	if c.alive > 0 {
		c.keeper = time.AfterFunc(c.alive/keepAliveLooks, c.look)
	}
	go c.write()
	go c.read()
}

// ClientID is that of the Config or the one assigned by a server of 5.0. It is
// empty if an earlier server has assigned it.
func (c *Client) ClientID() string { return c.id }

// SessionPresent reports whether the server had a session for this client.
func (c *Client) SessionPresent() bool { return c.connack.SessionPresent }

// Connack is the answer of the server to CONNECT. It is not to be changed.
func (c *Client) Connack() *packets.Connack { return c.connack }

// Done is closed when the connection is over and its goroutines have ended, but
// for handlers.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is nil until Done is closed. Then it is an [ErrClosed], with the reason
// unless the end came from Disconnect or Close.
func (c *Client) Err() error {
	select {
	case <-c.done:
		return fmt.Errorf("client: %w", c.reason())
	default:
		return nil
	}
}

// Disconnect sends what waits to be written and DISCONNECT, which makes the
// server forget the Will, and closes the transport. It returns when that is done;
// if ctx ends first the transport is closed at once. It does not wait for the
// answers to requests, nor for handlers, and it drops messages not handled yet.
//
// It is nil unless the connection ended in another way: then it is Err, or that
// of ctx.
func (c *Client) Disconnect(ctx context.Context) error {
	c.leave(packets.NormalDisconnection, nil)
	select {
	case <-c.done:
	case <-ctx.Done():
		c.abort(ended(ctx))
		<-c.done
	}
	if err := c.reason(); err != ErrClosed {
		return fmt.Errorf("client: %w", err)
	}
	return nil
}

// Close is Disconnect with a few seconds of patience.
func (c *Client) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return c.Disconnect(ctx)
}
