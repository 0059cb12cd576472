package load

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// scenario is what a run does.
type scenario struct {
	help                    string
	publishers, subscribers int // unless named
	run                     func(ctx context.Context, c *Config) (*Result, error)
}

var scenarios = map[string]*scenario{
	"pairs":   {"each publisher has a topic and a subscriber of its own", 100, 100, pairs},
	"fan-in":  {"every subscriber gets the messages of all publishers by one filter", 50, 5, fanIn},
	"fan-out": {"every subscriber subscribes to the topic of each publisher", 1, 1000, fanOut},
}

// Scenarios gives the names of all scenarios, with a line of explanation for each.
func Scenarios() (names, help []string) {
	names = slices.Sorted(maps.Keys(scenarios))
	for _, n := range names {
		help = append(help, scenarios[n].help)
	}
	return names, help
}

// Run puts a broker under load. It ends early, with an error, when ctx does, when the
// broker ends a connection, or when it answers with a reason code that is an error.
func Run(ctx context.Context, c Config) (*Result, error) {
	s, ok := scenarios[c.Scenario]
	if !ok {
		names, _ := Scenarios()
		return nil, fmt.Errorf("Scenario %q: expected one of %s", c.Scenario, strings.Join(names, ", "))
	}
	c, err := c.complete(s)
	if err != nil {
		return nil, err
	}
	return s.run(ctx, &c)
}

func pairs(ctx context.Context, c *Config) (*Result, error) {
	if c.Subscribers != c.Publishers {
		c.Subscribers = c.Publishers
	}
	return traffic(ctx, c, 1, func(sink int) (filters []string, from, to int) {
		return []string{topic(sink)}, sink, sink + 1
	})
}

func fanIn(ctx context.Context, c *Config) (*Result, error) {
	return traffic(ctx, c, c.Subscribers, func(int) (filters []string, from, to int) {
		return []string{"bench/#"}, 0, c.Publishers
	})
}

func fanOut(ctx context.Context, c *Config) (*Result, error) {
	var all []string
	for i := range c.Publishers {
		all = append(all, topic(i))
	}
	return traffic(ctx, c, c.Subscribers, func(int) (filters []string, from, to int) {
		return all, 0, c.Publishers
	})
}

func topic(source int) string { return fmt.Sprint("bench/", source) }
