package load

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// Config says what to do to which broker. A zero field but Scenario, QoS and Rate
// stands for the default of the scenario.
type Config struct {
	// Scenario is one of [Scenarios].
	Scenario string

	// Dial opens a connection to the broker. Its default is TCP to localhost:1883.
	Dial func(ctx context.Context) (net.Conn, error) `json:"-"`

	Username string `json:",omitempty"`
	Password string `json:"-"`

	// Version is 3.1.1 or 5.0; 3.1.1 unless named.
	Version packets.Version

	QoS packets.QoS

	// Size is the payload in bytes, of which [MinimumSize] at least are needed.
	Size int

	Publishers  int
	Subscribers int

	// Batch is how many messages a publisher writes with one system call.
	Batch int

	// Credit is how many messages of a publisher may be under way in a closed loop.
	Credit int

	// Rate is how many messages a second all publishers publish together. Zero is
	// a closed loop.
	Rate float64 `json:",omitempty"`

	// Warmup comes before Duration, which is measured. 700 ms and 2.5 s.
	Warmup, Duration time.Duration

	// PID is the process of the broker, 0 if that cannot be measured.
	PID int `json:"-"`

	// Progress is told once a second how far the run is. It may be nil.
	Progress func(Progress) `json:"-"`
}

// Progress is how far a run is.
type Progress struct {
	// Phase is connect, warm up, measure or drain.
	Phase string
	// Elapsed is how long the run takes already.
	Elapsed time.Duration
	// Done is what was delivered, or done in another way, since the run began.
	Done uint64
}

// MinimumSize is the length of what each payload begins with, see [stamp].
const MinimumSize = 16

// window is how many messages at QoS 1 and 2 a publisher has unacknowledged at most.
const window = 64

// complete is c with the defaults of scenario s, and an error for what cannot be.
func (c Config) complete(s *scenario) (Config, error) {
	c.Version = cmp.Or(c.Version, packets.V311)
	c.Size = cmp.Or(c.Size, 256)
	c.Publishers = cmp.Or(c.Publishers, s.publishers)
	c.Subscribers = cmp.Or(c.Subscribers, s.subscribers)
	c.Credit = cmp.Or(c.Credit, max(64, c.Batch))
	c.Batch = cmp.Or(c.Batch, min(32, c.Credit))
	c.Warmup = cmp.Or(c.Warmup, 700*time.Millisecond)
	c.Duration = cmp.Or(c.Duration, 2500*time.Millisecond)
	if c.Dial == nil {
		c.Dial = func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", "localhost:1883")
		}
	}
	for _, n := range []struct {
		name     string
		is       int
		from, to int
	}{
		{"Version", int(c.Version), int(packets.V311), int(packets.V5)},
		{"QoS", int(c.QoS), 0, 2},
		{"Size", c.Size, MinimumSize, packets.MaxRemainingLength - 100},
		{"Publishers", c.Publishers, 1, 1 << 20},
		{"Subscribers", c.Subscribers, 1, 1 << 20},
		{"Credit", c.Credit, 1, 1 << 20},
		{"Batch", c.Batch, 1, c.Credit},
		{"Rate", int(c.Rate), 0, 1 << 30},
		{"Warmup", int(c.Warmup), 0, int(time.Hour)},
		{"Duration", int(c.Duration), int(time.Millisecond), int(24 * time.Hour)},
	} {
		if n.is < n.from || n.is > n.to {
			return c, fmt.Errorf("%s %d: expected %d to %d", n.name, n.is, n.from, n.to)
		}
	}
	if c.QoS > 0 && c.Batch > window {
		return c, fmt.Errorf("Batch %d: expected %d at most with QoS %d", c.Batch, window, c.QoS)
	}
	return c, nil
}
