package broker

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"runtime"
	"time"
)

// The largest values of the standard.
const (
	mostPacketSize = 1<<28 - 1
	mostReceive    = 1<<16 - 1
	mostAliases    = 1<<16 - 1
	mostLevels     = 1<<16 - 1
	mostInFlight   = 1 << 15 // of flow.Sender, which leaves half of the identifiers free
)

// complete puts in defaults, and reports the first value that cannot be.
func (c *Config) complete() error {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	const most = 1<<31 - 1
	for _, n := range []struct {
		key         string
		value       *int
		least, most int
		normal      int
	}{
		{"Loops", &c.Loops, 1, 1024, (runtime.GOMAXPROCS(0) + 1) / 2},
		{"MaximumConnections", &c.MaximumConnections, 1, most, 100_000},
		{"MaximumPacketSize", &c.MaximumPacketSize, 64, mostPacketSize, 1 << 20},
		{"ReceiveMaximum", &c.ReceiveMaximum, 1, mostReceive, 1024},
		{"TopicAliasMaximum", &c.TopicAliasMaximum, -1, mostAliases, 16},
		{"MaximumSessions", &c.MaximumSessions, 1, most, 200_000},
		{"MaximumQueuedMessages", &c.MaximumQueuedMessages, 1, most, 100_000},
		{"MaximumQueuedTotal", &c.MaximumQueuedTotal, 1, math.MaxInt, 1 << 30},
		{"MaximumUnstored", &c.MaximumUnstored, 1, math.MaxInt, 16 << 20},
		{"MaximumInFlight", &c.MaximumInFlight, 1, mostInFlight, 1024},
		{"MaximumSubscriptionsTotal", &c.MaximumSubscriptionsTotal, 1, most, 2_000_000},
		{"ConnectRate", &c.ConnectRate, 1, 1_000_000, 0},
		{"MaximumQueuedBytes", &c.MaximumQueuedBytes, 1, most, c.queuedBytes()},
		{"MaximumSubscriptions", &c.MaximumSubscriptions, 1, most, 10_000},
		{"MaximumSubscriptionBytes", &c.MaximumSubscriptionBytes, 1, most, 8 << 20},
		{"MaximumRetainedMessages", &c.MaximumRetainedMessages, 1, most, 1_000_000},
		{"MaximumRetainedBytes", &c.MaximumRetainedBytes, 1, most, 256 << 20},
		{"MaximumTopicLevels", &c.MaximumTopicLevels, 1, mostLevels, 200},
	} {
		switch v := *n.value; {
		case v == 0:
			*n.value = n.normal
		case v < n.least || v > n.most:
			return &ConfigError{n.key, v, fmt.Sprintf("%d to %d, or 0 for %s", n.least, n.most, orNone(n.normal, n.normal == 0))}
		}
	}
	if err := c.completeChoices(); err != nil {
		return err
	}
	c.TopicAliasMaximum = max(c.TopicAliasMaximum, 0)
	if err := c.completeTimes(); err != nil {
		return err
	}
	return c.completeMethods()
}

func (c *Config) completeTimes() error {
	c.SysInterval = cmp.Or(c.SysInterval, 10*time.Second)
	for _, d := range []struct {
		key    string
		value  *time.Duration
		normal time.Duration
	}{
		{"ConnectTimeout", &c.ConnectTimeout, 10 * time.Second},
		{"WriteTimeout", &c.WriteTimeout, 30 * time.Second},
		{"PushBackTimeout", &c.PushBackTimeout, 5 * time.Second},
		{"AuthorizeTimeout", &c.AuthorizeTimeout, 10 * time.Second},
		{"MaximumSessionExpiry", &c.MaximumSessionExpiry, 0},
		{"MaximumKeepAlive", &c.MaximumKeepAlive, 0},
	} {
		switch v := *d.value; {
		case v == 0:
			*d.value = d.normal
		case v < 0:
			return &ConfigError{d.key, v, fmt.Sprintf("more than 0s, or 0 for %s", orNone(d.normal, d.normal == 0))}
		}
	}
	return c.completeFeatures()
}

// queuedBytes is the default of MaximumQueuedBytes.
func (c *Config) queuedBytes() int {
	if c.Store != nil {
		return 64 << 20
	}
	return 4 << 20
}

// orNone is what a default is called.
func orNone(normal any, none bool) string {
	if none {
		return "no limit"
	}
	return fmt.Sprint(normal)
}

// completeChoices is for what has a name.
func (c *Config) completeChoices() error {
	if c.Engine >= endOfEngines {
		return &ConfigError{"Engine", c.Engine, "EventLoops or Goroutines"}
	}
	if c.Overflow >= endOfOverflow {
		return &ConfigError{"Overflow", c.Overflow, "DisconnectSlow, DropNewest, DropOldest, PushBack or RefusePublish"}
	}
	if c.Sharing >= endOfSharing {
		return &ConfigError{"Sharing", c.Sharing, "RoundRobin, LeastInFlight, HashClient, HashTopic or Sticky"}
	}
	c.SharingOf = maps.Clone(c.SharingOf)
	for name, s := range c.SharingOf {
		if s >= endOfSharing {
			return &ConfigError{fmt.Sprintf("SharingOf[%q]", name), s, "RoundRobin, LeastInFlight, HashClient, HashTopic or Sticky"}
		}
	}
	return nil
}

func (c *Config) completeMethods() error {
	c.Methods = maps.Clone(c.Methods)
	for name, m := range c.Methods {
		if m == nil {
			return &ConfigError{fmt.Sprintf("Methods[%q]", name), "nil", "a method"}
		}
	}
	return nil
}
