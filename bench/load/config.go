package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// Config says what to do to which broker. A zero field but Scenario, QoS and PID
// stands for the default of the scenario; one that the scenario does not use must be
// zero. A [ConfigError] says which field is wrong.
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
	Size int `json:",omitempty"`

	Publishers  int `json:",omitempty"`
	Subscribers int `json:",omitempty"`

	// Count is how many topics or filters there are, in scenarios that count them.
	Count int `json:",omitempty"`

	// Batch is how many messages a publisher writes with one system call, in a closed
	// loop.
	Batch int `json:",omitempty"`

	// Credit is how many messages of a publisher may be under way in a closed loop.
	Credit int `json:",omitempty"`

	// Rate is how many messages a second all publishers publish together. Zero is
	// a closed loop.
	Rate float64 `json:",omitempty"`

	// Warmup comes before Duration, which is measured.
	Warmup, Duration time.Duration `json:",omitempty"`

	// PID is the process of the broker, 0 if that cannot be measured.
	PID int `json:"-"`

	// Progress is told once a second how far the run is. It may be nil.
	Progress func(Progress) `json:"-"`

	begin time.Time // of the run
}

// now is the time since the run began.
func (c *Config) now() time.Duration { return time.Since(c.begin) }

// Progress is how far a run is.
type Progress struct {
	// Phase is connect, warm up, measure, drain, or what else the scenario does.
	Phase string
	// Elapsed is how long the run takes already.
	Elapsed time.Duration
	// Done is what was delivered, or done in another way, since the run began.
	Done uint64
}

// ConfigError says that a value of a Config cannot be.
type ConfigError struct {
	Field    string
	Value    any
	Expected string
}

func (e *ConfigError) Error() string {
	return fmt.Sprintf("%s is %v: expected %s", e.Field, e.Value, e.Expected)
}

// MinimumSize is the length of what each payload begins with, see [stamp].
const MinimumSize = 16

// window is how many messages at QoS 1 and 2 a publisher has unacknowledged at most.
const window = 64

// Complete is c with its defaults, or a [ConfigError] that says what cannot be.
func (c Config) Complete() (Config, error) {
	s, err := find(c.Scenario)
	if err != nil {
		return c, err
	}
	c.Version = cmp.Or(c.Version, packets.V311)
	if c.Dial == nil {
		c.Dial = func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", "localhost:1883")
		}
	}
	if s.paced {
		c.Rate = cmp.Or(c.Rate, s.defaults.Rate)
	}
	d := c.defaults(s)
	err = cmp.Or(
		limit("Version", &c.Version, c.Version, packets.V311, packets.V5),
		limit("QoS", &c.QoS, packets.ExactlyOnce, 0, packets.ExactlyOnce),
		limit("Size", &c.Size, d.Size, MinimumSize, packets.MaxRemainingLength-100),
		limit("Publishers", &c.Publishers, d.Publishers, 1, 1<<20),
		limit("Subscribers", &c.Subscribers, d.Subscribers, s.fewest, 1<<20),
		limit("Count", &c.Count, d.Count, 1, 1e7),
		limit("Credit", &c.Credit, d.Credit, 1, 1<<20),
		limit("Batch", &c.Batch, d.Batch, 1, 1<<20),
		limit("Rate", &c.Rate, d.Rate, 0.001, 1e7),
		limit("Warmup", &c.Warmup, d.Warmup, 1, time.Hour),
		limit("Duration", &c.Duration, d.Duration, time.Millisecond, 24*time.Hour),
	)
	if wrong := new(ConfigError); errors.As(err, &wrong) && wrong.Expected == "" {
		wrong.Expected = "none in scenario " + c.Scenario
		if s.paced && c.Rate != 0 {
			wrong.Expected += " with a Rate"
		}
	}
	return c, cmp.Or(err, c.agree(s))
}

// defaults are those of s where c does not say otherwise. Zero is what c must not set.
func (c *Config) defaults(s *scenario) Config {
	d := s.defaults
	switch {
	case c.Rate != 0:
		d.Batch, d.Credit = 0, 0
	case d.Credit > 0:
		d.Credit = max(d.Credit, c.Batch)
		d.Batch = min(d.Batch, cmp.Or(c.Credit, d.Credit))
	}
	if s.paced {
		d.Rate = cmp.Or(d.Rate, c.Rate)
	}
	if s.paired {
		d.Subscribers = cmp.Or(c.Publishers, d.Publishers)
	}
	return d
}

// limit puts the default for zero. Where the default is zero nothing else can be, and the
// error does not say yet what is expected.
func limit[T cmp.Ordered](field string, value *T, standard, least, most T) error {
	var zero T
	switch {
	case *value == zero && field != "QoS":
		*value = standard
	case standard == zero:
		return &ConfigError{Field: field, Value: *value}
	case !(*value >= least && *value <= most): // NaN is neither
		return &ConfigError{field, *value, fmt.Sprintf("%v to %v", least, most)}
	}
	return nil
}

// agree is about values that are good alone.
func (c *Config) agree(s *scenario) error {
	switch {
	case s.paired && c.Subscribers != c.Publishers:
		return &ConfigError{"Subscribers", c.Subscribers, fmt.Sprintf("%d, as Publishers", c.Publishers)}
	case c.Batch > c.Credit && c.Credit > 0:
		return &ConfigError{"Batch", c.Batch, fmt.Sprintf("%d at most, as Credit", c.Credit)}
	case c.QoS > 0 && c.Batch > window:
		return &ConfigError{"Batch", c.Batch, fmt.Sprintf("%d at most with QoS %d", window, c.QoS)}
	}
	return nil
}
