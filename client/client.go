package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// closeTimeout is how long Close waits for the transport, and then for what Config has
// the Client call.
const closeTimeout = 3 * time.Second

// Client publishes and receives messages over one connection after the other. It is
// made by [Dial], [Start] and [New].
type Client struct {
	cfg     Config
	targets []*target // nil if there is no way to connect again

	ctx     context.Context // of the life: it ends when no connection is to follow
	cancel  context.CancelFunc
	done    chan struct{}
	waiting atomic.Int32 // requests
	left    atomic.Bool  // by Disconnect: no more messages

	authenticating sync.Mutex // who calls Config.Authentication; comes before mu

	mu sync.Mutex // never held over I/O
	life
	outbox
	inbox
	news
	replies replies
}

// Dial connects to a server, and stays connected until Disconnect or Close: when the
// connection ends it makes another, as Config.Backoff says. The address is one of
//
//	mqtt://host:1883
//	mqtts://host:8883
//	ws://host:80/mqtt
//	wss://host:443/mqtt
//	unix:///path/of/socket
//	host:1883
//
// The ports and the path /mqtt are those that count if there is none, tcp is
// another word for mqtt, ssl and tls for mqtts. As mqtt://name:password@host it
// gives Username and Password where cfg does not; what has a meaning in a URL, and
// a comma, is written with a percent sign there. Several addresses, separated by
// commas, are tried in turn.
//
// When ctx ends before a server has answered, so does Dial; later it has no effect.
// The error is an [ErrInvalid] for an address or a Config that cannot be, which names
// no secret, a [*RefusedError] from CONNACK, a [*packets.BrokenError], an [ErrNotSent]
// if no server could be reached, or what the transport, Config.Store or ctx says.
func Dial(ctx context.Context, address string, cfg Config) (*Client, error) {
	targets, err := parseAddresses(address)
	if err != nil {
		return nil, err
	}
	c, err := prepare(context.Background(), targets, cfg)
	if err != nil {
		return nil, err
	}
	l, err := c.connect(ctx)
	if err != nil {
		c.end(err)
		if _, ok := errors.AsType[*unreachedError](err); ok {
			err = fmt.Errorf("%w: %w", ErrNotSent, err)
		}
		return nil, fmt.Errorf("client: cannot connect: %w", err)
	}
	go c.live(l)
	return c, nil
}

// Start is Dial without waiting: the Client connects in the background, as often as
// it takes, and until then what is asked of it waits. It is closed when ctx ends. The
// error is an [ErrInvalid], or what Config.Store says.
func Start(ctx context.Context, address string, cfg Config) (*Client, error) {
	targets, err := parseAddresses(address)
	if err != nil {
		return nil, err
	}
	c, err := prepare(ctx, targets, cfg)
	if err != nil {
		return nil, err
	}
	go c.live(nil)
	return c, nil
}

// New connects over rw, an ordered stream without loss [MQTT-4.2-1]
// [MQTT3-7.1.2-1], which it closes in the end, even if that is at once. As there is
// no way to another one, the Client ends with the connection. When ctx ends before
// the server has answered, so does New; later it has no effect. Without a deadline it
// waits as long as the server does, or for Config.ConnectTimeout.
//
// The errors are those of [Dial].
func New(ctx context.Context, rw io.ReadWriteCloser, cfg Config) (*Client, error) {
	c, err := prepare(context.Background(), nil, cfg)
	if err != nil {
		rw.Close()
		return nil, err
	}
	l, err := c.greet(ctx, rw, nil)
	if err != nil {
		c.end(err)
		return nil, fmt.Errorf("client: cannot connect: %w", err)
	}
	go c.live(l)
	return c, nil
}

// prepare is a Client without a goroutine.
func prepare(ctx context.Context, targets []*target, cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, targets: targets, done: make(chan struct{})}
	var first *target
	if len(targets) > 0 {
		first = targets[0]
	}
	sample := cfg.to(first)
	if _, err := sample.connect(cfg.Version); err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	c.ctx, c.cancel = context.WithCancel(ctx)
	c.life.init(&cfg)
	c.inbox.init(c)
	c.outbox.init()
	c.replies.init()
	if err := c.load(); err != nil {
		c.cancel()
		return nil, err
	}
	return c, nil
}

// ClientID is that of the Config or the one assigned by a server of 5.0. It is
// empty if an earlier server has assigned it.
func (c *Client) ClientID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

// Connack is the answer of the server to CONNECT on this connection, or on the last
// one, nil if there was none yet. It is not to be changed.
func (c *Client) Connack() *packets.Connack {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connack
}

// SessionPresent reports whether the server had a session for this client, when it
// was asked last.
func (c *Client) SessionPresent() bool {
	ack := c.Connack()
	return ack != nil && ack.SessionPresent
}

// Done is closed when no connection is to follow, and all goroutines have ended but
// for those of handlers, OnUp, OnDown and the Logger.
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
// server forget the Will, and closes the transport; there is no other connection. It
// returns when that is done; if ctx ends first the transport is closed at once. It
// does not wait for the answers to requests, nor for handlers, and it drops messages
// not handled yet.
//
// It is nil unless the connection ended in another way: then it is Err, or that
// of ctx.
func (c *Client) Disconnect(ctx context.Context) error {
	c.leave()
	select {
	case <-c.done:
	case <-ctx.Done():
		c.hangUp(ended(ctx))
		select {
		case <-c.done:
		case <-time.After(closeTimeout): // what Config has the Client call does not return
		}
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

// backoff is the default of Config.Backoff.
func backoff(attempt int) time.Duration {
	const first, most = 100 * time.Millisecond, 30 * time.Second
	d := most
	if attempt < 10 {
		d = min(first<<attempt, most)
	}
	return d/2 + rand.N(d/2)
}
