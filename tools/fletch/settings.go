package main

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode"

	"github.com/fletchmq/fletch/broker"
)

// settings are keys of broker.Config as flags: MaximumConnections is
// --maximum-connections. What is 0 is the default of Config.
type settings struct {
	MaximumConnections int           `group:"Connections" placeholder:"N" help:"How many connections at once, those that have not sent CONNECT included. Default: 100 000."`
	ConnectRate        int           `group:"Connections" placeholder:"N" help:"How many are accepted in a second. The others wait. Default: 0, any."`
	ConnectTimeout     time.Duration `group:"Connections" placeholder:"TIME" help:"Until CONNECT has come, and the client is authenticated. Default: 10s."`
	WriteTimeout       time.Duration `group:"Connections" placeholder:"TIME" help:"How long a client may take nothing of what it is sent. Default: 30s."`
	MaximumKeepAlive   time.Duration `group:"Connections" placeholder:"TIME" help:"What a client of 5.0 that asks for a longer keep alive, or for none, is told. Default: 0, any."`
	MaximumPacketSize  int           `group:"Connections" placeholder:"BYTES" help:"The largest packet of a client. Default: 1 048 576."`
	ReceiveMaximum     int           `group:"Connections" placeholder:"N" help:"QoS 2 messages of a client that may be under way. Default: 1024."`
	TopicAliasMaximum  int           `group:"Connections" placeholder:"N" help:"Topic aliases in each direction, -1 for none. Default: 16."`

	MaximumSessions           int           `group:"Sessions" placeholder:"N" help:"How many sessions at once, with a connection or without. Default: 200 000."`
	MaximumSessionExpiry      time.Duration `group:"Sessions" placeholder:"TIME" help:"How long a session may last without a connection. Default: 0, as long as its client wants."`
	MaximumSubscriptions      int           `group:"Sessions" placeholder:"N" help:"How many a client may have. Default: 10 000."`
	MaximumSubscriptionBytes  int           `group:"Sessions" placeholder:"BYTES" help:"Memory that those of a client take. Default: 8 388 608."`
	MaximumSubscriptionsTotal int           `group:"Sessions" placeholder:"N" help:"How many all clients may have. Default: 2 000 000."`
	MaximumTopicLevels        int           `group:"Sessions" placeholder:"N" help:"Levels of a topic name or filter. Default: 200."`

	Overflow              string        `group:"Waiting" placeholder:"WAY" default:"disconnect-slow" enum:"disconnect-slow, drop-newest, drop-oldest, push-back, refuse-publish" help:"What happens to a message for a client that has no room: ${enum}. Default: ${default}."`
	PushBackTimeout       time.Duration `group:"Waiting" placeholder:"TIME" help:"How long a publisher waits for room, with push-back. Default: 5s."`
	MaximumQueuedMessages int           `group:"Waiting" placeholder:"N" help:"Messages that wait for a client. Default: 100 000."`
	MaximumQueuedBytes    int           `group:"Waiting" placeholder:"BYTES" help:"Their bytes, and of those that it has not acknowledged. Default: 4 194 304, and 67 108 864 with --data."`
	MaximumQueuedTotal    int           `group:"Waiting" placeholder:"BYTES" help:"Memory of what waits for all clients. Default: 1 073 741 824."`
	MaximumUnstored       int           `group:"Waiting" placeholder:"BYTES" help:"What waits for --data before publishers do. Default: 16 777 216."`
	MaximumInFlight       int           `group:"Waiting" placeholder:"N" help:"Messages at QoS 1 and 2 that a client is sent before it acknowledges one. Default: 1024."`

	MaximumRetainedMessages int           `group:"Retained" placeholder:"N" help:"How many there may be. Default: 1 000 000."`
	MaximumRetainedBytes    int           `group:"Retained" placeholder:"BYTES" help:"Memory that they take. Default: 268 435 456."`
	Without                 []string      `group:"Rest" placeholder:"FEATURE" enum:"qos1, qos2, retained-messages, wildcard-subscriptions, shared-subscriptions, subscription-identifiers" help:"What clients cannot have: ${enum}."`
	Sharing                 string        `group:"Rest" placeholder:"WAY" default:"round-robin" enum:"round-robin, least-in-flight, hash-client, hash-topic, sticky" help:"Which member of a shared subscription gets a message: ${enum}. Default: ${default}."`
	SysInterval             time.Duration `group:"Rest" placeholder:"TIME" help:"How often $$SYS/broker/ is published, -1s for never. Default: 10s."`
	Engine                  string        `group:"Rest" placeholder:"ENGINE" default:"loops" enum:"loops, goroutines" help:"How TCP and unix sockets are served on Linux: loops, a few goroutines for all of them, or goroutines, one or two for each. Default: ${default}."`
	Loops                   int           `group:"Rest" placeholder:"N" help:"How many event loops there are. Default: one for two processors."`
}

// groups are the headings in --help.
var groups = map[string]string{
	"Access":      "Who may connect:",
	"Connections": "Connections:",
	"Sessions":    "Sessions and subscriptions:",
	"Waiting":     "Messages that wait for clients:",
	"Retained":    "Retained messages:",
	"Data":        "What outlives the process:",
	"Rest":        "Other:",
}

var (
	overflows = map[string]broker.Overflow{
		"disconnect-slow": broker.DisconnectSlow, "drop-newest": broker.DropNewest, "drop-oldest": broker.DropOldest,
		"push-back": broker.PushBack, "refuse-publish": broker.RefusePublish,
	}
	sharings = map[string]broker.Sharing{
		"round-robin": broker.RoundRobin, "least-in-flight": broker.LeastInFlight,
		"hash-client": broker.HashClient, "hash-topic": broker.HashTopic, "sticky": broker.Sticky,
	}
	features = map[string]broker.Features{
		"qos1": broker.QoS1, "qos2": broker.QoS2, "retained-messages": broker.RetainedMessages,
		"wildcard-subscriptions": broker.WildcardSubscriptions, "shared-subscriptions": broker.SharedSubscriptions,
		"subscription-identifiers": broker.SubscriptionIdentifiers,
	}
	engines = map[string]broker.Engine{"loops": broker.EventLoops, "goroutines": broker.Goroutines}
)

// apply sets what has a name by its name, and all numbers and times.
func (s settings) apply(c *broker.Config) {
	from, to := reflect.ValueOf(s), reflect.ValueOf(c).Elem()
	for i := range from.NumField() {
		if f := to.FieldByName(from.Type().Field(i).Name); f.Type() == from.Field(i).Type() {
			f.Set(from.Field(i))
		}
	}
	c.Overflow, c.Sharing, c.Engine = overflows[s.Overflow], sharings[s.Sharing], engines[s.Engine]
	for _, name := range s.Without {
		c.Without |= features[name]
	}
}

// inFlags names the flag where err names a key of Config.
func inFlags(err error) error {
	var wrong *broker.ConfigError
	if !errors.As(err, &wrong) {
		return err
	}
	return fmt.Errorf("--%s is %v: expected %s", dashed(wrong.Key), wrong.Value, wrong.Expected)
}

// dashed is the flag of a key.
func dashed(key string) string {
	var b strings.Builder
	for i, r := range key {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
