package client

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// UpEvent is that a server has accepted a connection.
type UpEvent struct {
	Client         *Client
	Address        string // without credentials; empty with [New]
	Version        packets.Version
	SessionPresent bool // the session of an earlier connection goes on
	Connack        *packets.Connack
}

// DownEvent is that a connection has ended, or that none could be made.
type DownEvent struct {
	Client  *Client
	Err     error         // why; nil for Disconnect and Close
	Attempt int           // what Config.Backoff is called with: failures before this one
	Again   time.Duration // until the next is made; negative if there will be none
}

// news is what is told to OnUp, OnDown and the Logger, one after the other and in
// order, on a goroutine that exists while there is something to tell. Client.mu guards
// it.
type news struct {
	untold  []func()
	telling bool
	unheard int // the oldest, as they were too many
}

// mostUntold is how many news wait for one that blocks. The oldest are forgotten.
const mostUntold = 1000

// tell puts off f, with c.mu.
func (c *Client) tell(f func()) {
	if len(c.untold) == mostUntold {
		c.untold[0] = nil
		c.untold = c.untold[1:]
		c.unheard++
	}
	c.untold = append(c.untold, f)
	if !c.telling {
		c.telling = true
		go c.tellAll()
	}
}

func (c *Client) tellAll() {
	over := false
	defer func() {
		if !over { // who was told has ended the goroutine
			go c.tellAll()
		}
	}()
	for {
		c.mu.Lock()
		if len(c.untold) == 0 {
			c.telling = false
			c.mu.Unlock()
			over = true
			return
		}
		f := c.untold[0]
		c.untold = c.untold[1:]
		unheard := c.unheard
		c.unheard = 0
		c.mu.Unlock()
		if unheard > 0 {
			c.contain("Logger", func() {
				c.cfg.Logger.Warn("OnUp, OnDown or Logger are too slow, and have missed news", "missed", unheard)
			})
		}
		c.contain("OnUp, OnDown or Logger", f)
	}
}

// log is the Logger for who has c.mu: it may block, and publish what it is told.
func (c *Client) log(level slog.Level, what string, args ...any) {
	c.tell(func() { c.cfg.Logger.Log(context.Background(), level, what, args...) })
}

// report is log for who does not have c.mu.
func (c *Client) report(level slog.Level, what string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.log(level, what, args...)
}

// contain lets a panic end f, and nothing else.
func (c *Client) contain(what string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			c.cfg.Logger.Error(what+" panics", "panic", r, "stack", string(debug.Stack()))
		}
	}()
	f()
}

// tellUp is with c.mu.
func (c *Client) tellUp(l *link) {
	up := UpEvent{Client: c, Version: l.version, SessionPresent: l.connack.SessionPresent, Connack: l.connack}
	if l.target != nil {
		up.Address = l.target.String()
	}
	c.log(slog.LevelInfo, "connected", "address", up.Address, "session", up.SessionPresent)
	if c.cfg.OnUp != nil {
		c.tell(func() { c.cfg.OnUp(up) })
	}
}

// tellDown is for a connection that has ended with err, or could not be made.
func (c *Client) tellDown(err error, failures int, again time.Duration, more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	down := DownEvent{Client: c, Err: err, Attempt: failures - 1, Again: again}
	if !more {
		down.Again = -1
	}
	if err != nil && more {
		c.log(slog.LevelWarn, "not connected", "err", err, "again", again)
	}
	if c.cfg.OnDown != nil {
		c.tell(func() { c.cfg.OnDown(down) })
	}
}
