package broker

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/loop"
	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
)

// Broker passes on messages between those who connect to it. Any number of
// goroutines may use it.
type Broker struct {
	config Config
	hooks  hooks
	ctx    context.Context // ends with Shutdown
	cancel context.CancelFunc
	began  time.Time

	subscriptions topics.Tree[*client] // that are not shared
	shared        topics.Tree[*group]
	shares        shares
	retained      *topics.Retained[session.Retained]
	retentions    atomic.Uint64 // messages that were ever retained
	budget        *session.Budget
	journal       *journal.Journal // nil without a store
	retaining     sync.Mutex       // who changes what is retained in the store
	sweeper       sweeper
	refused       atomic.Uint64 // messages for which there was no room, of who could be told
	overdue       atomic.Uint64 // receivers that have made no room within PushBackTimeout
	unretained    atomic.Uint64 // messages for which there was no room
	denied        atomic.Uint64 // refusals of Authorize
	lastID        atomic.Uint64 // of sessions and groups
	accepted      atomic.Uint64 // connections
	subscribed    atomic.Int64  // filters of all clients
	rate          rate
	tallies       [tallies]tally
	loops         loops
	running       sync.WaitGroup // Serve, connections, alarms and report; added to under mu, while not closed

	mu          sync.Mutex
	closed      bool
	listeners   map[net.Listener]bool
	conns       []*conn            // each knows its place
	clients     map[string]*client // by client identifier, while there is a session
	subscribers map[*subscriber]bool
	turned      uint64 // connections away, for MaximumConnections
	reporting   bool   // $SYS

	connected     int    // clients with a connection
	mostConnected int    // clients with a connection, at once
	expired       uint64 // sessions
}

// New makes a broker. The error, a [*ConfigError], names what is wrong in config.
func New(config Config) (*Broker, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	hooks, err := newHooks(config.Hooks)
	if err != nil {
		return nil, err
	}
	b := &Broker{
		config:      config,
		hooks:       hooks,
		began:       time.Now(),
		listeners:   make(map[net.Listener]bool),
		clients:     make(map[string]*client),
		subscribers: make(map[*subscriber]bool),
		shares:      shares{groups: make(map[string]*group)},
		budget:      session.NewBudget(config.limits()),
	}
	b.retained = topics.NewRetained[session.Retained](topics.Limits{
		Messages: config.MaximumRetainedMessages,
		Bytes:    config.MaximumRetainedBytes,
	})
	b.loops.poller = loop.NewPoller
	b.ctx, b.cancel = context.WithCancel(context.Background())
	if config.Store != nil {
		b.retained.Expired = b.forgetRetained
		b.journal = journal.New(config.Store, 1+config.Loops, config.MaximumUnstored, b.settleLane)
		if err := b.restore(); err != nil {
			b.cancel()
			b.journal.Close(b.ctx.Done()) // there may be no room for what was put in
			return nil, fmt.Errorf("broker: what is stored cannot be restored: %w", err)
		}
		b.sweeper.start(func() { b.beside(b.sweep) })
	}
	return b, nil
}

// The pauses after an Accept that has failed for a while, say for want of file
// descriptors.
const (
	minPause = 5 * time.Millisecond
	maxPause = time.Second
)

// Serve accepts connections until ctx ends, which gives nil, or Shutdown is
// called, which gives [ErrClosed], or ln fails, which gives its error. It closes
// ln. Connections that it has accepted live on until Shutdown. They have to be
// ordered and without loss, as TCP is. [MQTT-4.2-1] [MQTT3-7.1.1-1]
//
// Where everybody may connect, and Config.AllowAnonymous does not say so, Serve
// accepts nobody if other machines can reach the address of ln: the error names
// it, and the keys. See Local of package origin.
func (b *Broker) Serve(ctx context.Context, ln net.Listener) error {
	ln, accept := b.acceptor(ln)
	defer ln.Close()
	if err := b.config.admits(ln.Addr()); err != nil {
		return err
	}
	if !b.listen(ln) {
		return ErrClosed
	}
	defer b.unlisten(ln)
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	for pause := minPause; ; {
		err := accept()
		switch {
		case err == nil:
			pause = minPause
			b.slowDown(ctx, ln)
		case b.ctx.Err() != nil:
			return ErrClosed
		case ctx.Err() != nil:
			return nil
		case passes(err):
			b.config.Logger.Warn("accept failed", "listener", ln.Addr(), "error", err, "pause", pause)
			b.pause(ctx, pause)
			pause = min(2*pause, maxPause)
		default:
			return err
		}
	}
}

// passes reports whether Accept may succeed later, though it has failed.
func passes(err error) bool {
	var temporary interface{ Temporary() bool }
	return errors.As(err, &temporary) && temporary.Temporary()
}

func (b *Broker) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-b.ctx.Done():
	}
}

func (b *Broker) listen(ln net.Listener) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.listeners[ln] = true
	b.running.Add(1)
	return true
}

func (b *Broker) unlisten(ln net.Listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners, ln)
	b.running.Done()
}

// Dial connects a client within the process: New of package client makes it of the
// connection, or Config.Dialer of that package gives it each connection in turn. That
// is a [net.Pipe]: a write waits until the broker reads, and the other way round. The
// error is [ErrClosed], that of ctx, or that there are MaximumConnections.
func (b *Broker) Dial(ctx context.Context) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	client, server := net.Pipe()
	if err := b.start(server); err != nil {
		return nil, err
	}
	return client, nil
}

var errFull = errors.New("broker: there are MaximumConnections")

// remote is a connection, of which the address may be wanted.
type remote interface{ RemoteAddr() net.Addr }

// admit begins to serve a connection with start, unless there are too many.
func (b *Broker) admit(from remote, start func() (*conn, error)) error {
	turned, err := b.enlist(start)
	switch {
	case err == nil, err == ErrClosed:
	case err != errFull:
		b.config.Logger.Warn("connection refused", "remote", from.RemoteAddr(), "error", err)
	case powerOfTwo(turned):
		b.config.Logger.Warn("connection refused", "limit", "MaximumConnections",
			"value", b.config.MaximumConnections, "remote", from.RemoteAddr(), "refused", turned)
	}
	return err
}

func (b *Broker) enlist(start func() (*conn, error)) (turned uint64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return 0, ErrClosed
	case len(b.conns) >= b.config.MaximumConnections:
		b.turned++
		return b.turned, errFull
	}
	c, err := start()
	if err != nil {
		return 0, err
	}
	c.place = int32(len(b.conns))
	b.conns = append(b.conns, c)
	b.running.Add(1)
	if !b.reporting && b.config.SysInterval > 0 {
		b.reporting = true
		b.running.Add(1)
		go b.report()
	}
	return 0, nil
}

// powerOfTwo is how what may happen often is logged seldom.
func powerOfTwo(n uint64) bool { return bits.OnesCount64(n) == 1 }

// finished is the last that is heard of c.
func (b *Broker) finished(c *conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := len(b.conns) - 1
	b.conns[c.place] = b.conns[last]
	b.conns[c.place].place = c.place
	b.conns[last], b.conns = nil, b.conns[:last]
	if p, ok := c.link.(*polled); ok {
		p.home.members--
	}
	b.running.Done()
}
