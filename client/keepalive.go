package client

import (
	"fmt"
	"os"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// keepAliveLooks is how often within a keep alive the connection is looked at.
// A PINGREQ goes out after a silence of two looks, and so before the third.
const keepAliveLooks = 4

// ping is PINGREQs that are not answered: one of a request, or those of the keep
// alive that no other came between.
type ping struct {
	at time.Time // of the first
	r  *request  // nil for the keep alive
	n  int
}

// sendPing appends a PINGREQ. Answers come in its order. The keep alive goes on
// without them while the reader is paused, and takes no memory for that.
func (c *Client) sendPing(r *request) {
	if last := len(c.pings) - 1; r == nil && last >= 0 && c.pings[last].r == nil {
		c.pings[last].n++
	} else {
		c.pings = append(c.pings, ping{time.Now(), r, 1})
	}
	c.buf = new(packets.Pingreq).AppendTo(c.buf, c.cfg.Version)
}

// look is the timer of the keep alive. It runs beside the goroutines of the
// connection, either of which may be stuck in the transport.
func (c *Client) look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	if err := c.stuck(); err != nil {
		go c.abort(err)
		return
	}
	silence := time.Since(c.lastOut)
	if !c.closing && !c.writing && len(c.buf) == 0 && silence >= 2*c.alive/keepAliveLooks { // [MQTT-3.1.2-20]
		c.sendPing(nil)
		nudge(c.wake)
	}
	c.keeper.Reset(c.alive / keepAliveLooks)
}

// stuck is why the server is taken for gone, or nil: it takes nothing, or a
// PINGREQ has no answer and nothing else has come either, section 3.1.2.10.
func (c *Client) stuck() error {
	if c.writing && time.Since(c.lastOut) >= c.alive {
		return fmt.Errorf("the server has taken nothing for %v: %w", c.alive, os.ErrDeadlineExceeded)
	}
	if len(c.pings) == 0 || c.paused || c.closing {
		return nil
	}
	heard := c.start.Add(time.Duration(c.lastIn.Load()))
	if time.Since(c.pings[0].at) >= c.alive && time.Since(heard) >= c.alive {
		return fmt.Errorf("no PINGRESP for %v: %w", c.alive, os.ErrDeadlineExceeded)
	}
	return nil
}
