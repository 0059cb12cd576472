package load

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// scenario is what a run does.
type scenario struct {
	help     string
	defaults Config // what is zero does not belong to the scenario
	fewest   int    // subscribers
	paced    bool   // there may be a Rate
	paired   bool   // there are as many subscribers as publishers
	run      func(ctx context.Context, c *Config) (*Result, error)
}

const (
	usualWarmup   = 700 * time.Millisecond
	usualDuration = 2500 * time.Millisecond
)

var scenarios = map[string]*scenario{
	"pairs": {
		help:     "each publisher has a topic and a subscriber of its own",
		defaults: messages(100, 100), fewest: 1, paced: true, paired: true, run: pairs,
	},
	"fan-in": {
		help:     "every subscriber gets the messages of all publishers by one filter",
		defaults: messages(50, 5), fewest: 1, paced: true, run: fanIn,
	},
	"fan-out": {
		help:     "every subscriber subscribes to the topic of each publisher",
		defaults: messages(1, 1000), fewest: 1, paced: true, run: fanOut,
	},
	"wild": {
		help:     "--count filters like a/+/c/# of all subscribers together, of which 0.43 match a message on average",
		defaults: counting(messages(10, 1000), 100_000), fewest: 1, paced: true, run: wild,
	},
	"slow": {
		help: "one of the subscribers reads nothing while it is measured, and each gets all messages",
		defaults: Config{
			Size: 1024, Publishers: 10, Subscribers: 3, Rate: 20_000,
			Warmup: usualWarmup, Duration: 10 * time.Second,
		},
		fewest: 2, paced: true, run: slow,
	},
	"idle": {
		help:     "subscribers with a filter each that do nothing: what a connection takes",
		defaults: Config{Subscribers: 19_000}, fewest: 1, run: idle,
	},
	"churn": {
		help:     "each subscriber connects, subscribes and disconnects, again and again",
		defaults: Config{Subscribers: 50, Warmup: usualWarmup, Duration: usualDuration}, fewest: 1, run: churn,
	},
	"retained": {
		help:     "a retained message for each of --count topics is stored, then delivered to one subscriber of #, then cleared",
		defaults: Config{Size: 64, Count: 200_000, Batch: 32}, run: retained,
	},
}

// messages are the defaults where messages go from publishers to subscribers.
func messages(publishers, subscribers int) Config {
	return Config{
		Size: 256, Publishers: publishers, Subscribers: subscribers, Batch: 32, Credit: 64,
		Warmup: usualWarmup, Duration: usualDuration,
	}
}

func counting(c Config, n int) Config {
	c.Count = n
	return c
}

// Scenarios gives the names of all scenarios, with a line of explanation for each.
func Scenarios() (names, help []string) {
	names = slices.Sorted(maps.Keys(scenarios))
	for _, n := range names {
		help = append(help, scenarios[n].help)
	}
	return names, help
}

func find(name string) (*scenario, error) {
	s, ok := scenarios[name]
	if !ok {
		names, _ := Scenarios()
		return nil, &ConfigError{"Scenario", fmt.Sprintf("%q", name), "one of " + strings.Join(names, ", ")}
	}
	return s, nil
}

// Run puts a broker under load. It ends early, with an error, when ctx does, when the
// broker ends a connection, or when it answers with a reason code that is an error.
// All it has opened and started has ended when it returns.
func Run(ctx context.Context, c Config) (*Result, error) {
	c, err := c.Complete()
	if err != nil {
		return nil, err
	}
	if c.PID != 0 {
		if _, err := resident(c.PID); err != nil {
			return nil, &ConfigError{"PID", c.PID, "a process that runs on this machine, with Linux"}
		}
	}
	c.begin = time.Now()
	res, err := scenarios[c.Scenario].run(ctx, &c)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx) // whatever connection has noticed it first
	}
	return res, err
}

func pairs(ctx context.Context, c *Config) (*Result, error) {
	return traffic(ctx, c, &plan{receivers: 1, sink: func(i int) (filters []string, from, to int) {
		return []string{topic(i)}, i, i + 1
	}})
}

func fanIn(ctx context.Context, c *Config) (*Result, error) {
	return traffic(ctx, c, &plan{receivers: c.Subscribers, sink: func(int) (filters []string, from, to int) {
		return []string{"bench/#"}, 0, c.Publishers
	}})
}

func fanOut(ctx context.Context, c *Config) (*Result, error) {
	var all []string
	for i := range c.Publishers {
		all = append(all, topic(i))
	}
	return traffic(ctx, c, &plan{receivers: c.Subscribers, sink: func(int) (filters []string, from, to int) {
		return all, 0, c.Publishers
	}})
}

func topic(source int) string { return fmt.Sprint("bench/", source) }
