package client

import (
	"context"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// stored is what a Client with a Store has to put there.
type stored struct{}

func (c *Client) load() error                                    { return nil }
func (c *Client) stopStoring()                                   {}
func (c *Client) storeMessage(p *publishing)                     {}
func (c *Client) unstore(p *publishing)                          {}
func (c *Client) awaitStored(context.Context, *publishing) error { return nil }
func (c *Client) released(p *publishing, send func())            { send() }
func (c *Client) unhold(l *link, id flow.InID)                   {}
func (c *Client) forgetHeld()                                    {}

// accept is for a message that has been handled.
func (c *Client) accept(receipt flow.Receipt, reason packets.ReasonCode) {
	c.in.Done(receipt, reason)
	c.acknowledge()
}
