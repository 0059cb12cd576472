package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// State is how far a Client has come.
type State uint8

// The states of a Client.
const (
	Connecting State = iota // there is no connection, and one is made or waited for
	Up                      // the server has accepted the connection
	Closed                  // there is no connection, and none will be made
)

// String is the name of the state.
func (s State) String() string {
	return [...]string{"Connecting", "Up", "Closed"}[s]
}

// lasting is how long a connection has to last for the next one to be made as soon
// as after the first failure.
const lasting = 10 * time.Second

// manyFailures is as how many another client with the same identifier counts.
const manyFailures = 10

// life is what a Client knows of its connections, under Client.mu.
type life struct {
	link    *link // nil while there is none
	state   State
	changed chan struct{} // closed when state changes
	id      string
	version packets.Version // what the server speaks
	begun   bool            // a session, on an earlier connection
	lost    bool            // the server has begun another
	connack *packets.Connack
	cause   error   // why the last connection ended, or none was made
	closing bool    // no connection is to follow
	detour  *target // where the last server has referred to, nil for nowhere
	counts  counts
}

func (s *life) init(cfg *Config) {
	s.id, s.version, s.changed = cfg.ClientID, cfg.Version, make(chan struct{})
}

func (s *life) become(state State) {
	if s.state != state {
		s.state = state
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// State is how far the Client has come.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// AwaitUp waits for a connection, if there is none. The error is Err if the Client
// is closed, or that of ctx with the reason why there is none yet.
func (c *Client) AwaitUp(ctx context.Context) error {
	if err := c.awaitUp(ctx); err != nil {
		return fmt.Errorf("client: %w", err)
	}
	return nil
}

func (c *Client) awaitUp(ctx context.Context) error {
	for {
		c.mu.Lock()
		state, changed := c.state, c.changed
		c.mu.Unlock()
		switch state {
		case Up:
			return nil
		case Closed:
			return c.reason()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.cause != nil {
				return fmt.Errorf("%w: %w", ended(ctx), c.cause)
			}
			return ended(ctx)
		}
	}
}

// live is the goroutine of a Client. It connects, reads from the connection until
// that ends, and connects again.
func (c *Client) live(l *link) {
	stop := context.AfterFunc(c.ctx, c.expire)
	for failures := 0; ; {
		var err error
		if l == nil {
			l, err = c.connect(c.ctx)
			if c.ctx.Err() != nil {
				err = nil // it was not to succeed any more
			}
		}
		if l != nil {
			err = c.serve(l)
			if time.Since(l.start) >= lasting {
				failures = 0
			}
			l = nil
		}
		if takenOver(err) {
			failures = max(failures, manyFailures)
		}
		again, more := c.cfg.Backoff(failures), c.mayConnect()
		failures++
		c.tellDown(err, failures, again, more)
		if !more || !c.pause(again) {
			break
		}
	}
	stop()
	c.end(nil)
}

// mayConnect reports whether there may be another connection.
func (c *Client) mayConnect() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.targets != nil && !c.closing && !final(c.cause)
}

// final is for causes with which another connection would end as well.
func final(cause error) bool {
	var refused *RefusedError
	if !errors.As(cause, &refused) {
		return false
	}
	switch refused.Reason {
	case packets.UnsupportedProtocolVersion, packets.ClientIdentifierNotValid:
		return refused.Packet == packets.TypeConnack
	}
	return false
}

// takenOver reports whether another connection with the same client identifier is why
// this one has ended: one of this Client that was late, or another client, which would
// take turns with this one.
func takenOver(cause error) bool {
	var refused *RefusedError
	return errors.As(cause, &refused) && refused.Packet == packets.TypeDisconnect && refused.Reason == packets.SessionTakenOver
}

// pause waits before the next connection. It is false if there is to be none.
func (c *Client) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// expire is the end of the context of Start, unless Disconnect has brought it about.
func (c *Client) expire() {
	c.mu.Lock()
	closing := c.closing
	c.mu.Unlock()
	if !closing {
		c.Close()
	}
}

// leave ends the connection in order, and no other follows.
func (c *Client) leave() {
	c.mu.Lock()
	l := c.link
	c.closing = true
	c.left.Store(true)
	if l != nil {
		l.leave(packets.NormalDisconnection, nil)
	} else if c.state == Connecting && c.targets != nil && !final(c.cause) {
		c.cause = nil // there would have been another connection
	}
	c.mu.Unlock()
	c.cancel()
	if l != nil {
		l.nudge()
	}
}

// hangUp ends the connection at once, and no other follows.
func (c *Client) hangUp(cause error) {
	c.mu.Lock()
	l := c.link
	c.closing = true
	if c.cause == nil {
		c.cause = cause
	}
	c.mu.Unlock()
	c.cancel()
	if l != nil {
		l.abort(cause)
	}
}

// end is the end of a Client: everyone who waits is told.
func (c *Client) end(cause error) {
	c.cancel()
	c.mu.Lock()
	c.closing = true
	if cause != nil {
		c.cause = cause
	}
	c.mu.Unlock()
	c.stopStoring()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.become(Closed)
	close(c.done) // who is told below may ask Err
	c.abandonAll(c.reasonLocked())
}

// reason is an ErrClosed with what has ended the connection.
func (c *Client) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reasonLocked()
}

// reasonLocked is reason with Client.mu.
func (c *Client) reasonLocked() error {
	if c.cause == nil {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrClosed, c.cause)
}
