package main

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// linesPerSecond is how many lines that say the same of others the log has.
const linesPerSecond = 20

// calm is a handler that no client can make flood the log. Beyond linesPerSecond,
// lines with one message are counted, and the next that is logged says how many, as
// unlogged. With debug all are logged.
type calm struct {
	slog.Handler

	mu    sync.Mutex
	paces map[string]*pace // by message
}

// pace is how often something is logged.
type pace struct {
	second time.Time // when it began
	lines  int       // since then
	held   int       // lines since the last that was logged
}

func newCalm(h slog.Handler) *calm { return &calm{Handler: h, paces: make(map[string]*pace)} }

// Handle is of [slog.Handler].
func (c *calm) Handle(ctx context.Context, r slog.Record) error {
	if !c.Enabled(ctx, slog.LevelDebug) {
		held, ok := c.count(r.Message, r.Time)
		if !ok {
			return nil
		}
		if held > 0 {
			r.AddAttrs(slog.Int("unlogged", held))
		}
	}
	return c.Handler.Handle(ctx, r)
}

// count reports whether that may be logged now, and how often it was not.
func (c *calm) count(message string, now time.Time) (held int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.paces[message]
	if p == nil {
		p = new(pace)
		c.paces[message] = p
	}
	if now.Sub(p.second) >= time.Second {
		p.second, p.lines = now, 0
	}
	if p.lines == linesPerSecond {
		p.held++
		return 0, false
	}
	p.lines++
	held, p.held = p.held, 0
	return held, true
}
