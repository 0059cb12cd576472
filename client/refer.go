package client

import (
	"errors"
	"log/slog"

	"github.com/fletchmq/fletch/packets"
)

// referred is where a server that has refused a connection to t sends the client,
// section 4.11: nil for nowhere. If the server has moved, t is that from now on. It is
// called with Client.mu.
func (c *Client) referred(t *target, err error) *target {
	var refused *RefusedError
	if !c.cfg.FollowReference || !errors.As(err, &refused) || refused.Reference == "" {
		return nil
	}
	others, err := t.other(refused.Reference)
	if err != nil || len(others) == 0 {
		c.log(slog.LevelWarn, "server reference", "reference", refused.Reference, "err", err)
		return nil
	}
	if refused.Reason == packets.ServerMoved {
		for i := range c.targets {
			if c.targets[i] == t {
				c.targets[i] = others[0]
			}
		}
	}
	return others[0]
}
