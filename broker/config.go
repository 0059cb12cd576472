package broker

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"runtime"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// Config is how a broker is to be. The zero Config is a good one: it accepts
// everybody on this machine. A limit that is 0 is the default.
type Config struct {
	// Logger gets a line for each connection that ends in another way than by
	// DISCONNECT, and one when a limit strikes. It should not block: what logs
	// waits for it. Nil is [slog.Default].
	Logger *slog.Logger

	// Authenticate says who may connect: all who get nil. Any other error refuses
	// the connection with Reason Code 0x86, Bad User Name or Password, or with
	// that of a [Refuse]. It runs for many connections at the same time. When ctx
	// ends, at ConnectTimeout or Shutdown, the answer does not count any more. A
	// panic refuses the connection. It may change the user name of login, which is
	// what Authorize gets. With nil, clients that name none of Methods are
	// anonymous: see AllowAnonymous.
	Authenticate func(ctx context.Context, login *Login) error

	// Methods are the ways of enhanced authentication, section 4.12, by the name
	// that a client of 5.0 gives in CONNECT. Who names one is not asked about with
	// Authenticate; who names another is refused with 0x8C. New copies it.
	Methods map[string]Method

	// Hooks hears what happens. It has one or more of the interfaces ConnectedHook,
	// DisconnectedHook, SubscribedHook, UnsubscribedHook, PublishedHook,
	// DeliveredHook and DroppedHook, for which New asks it. What it has not costs
	// nothing. Nil is nobody who listens.
	Hooks any

	// AllowAnonymous lets in clients that nobody asks who they are, where there is
	// no Authenticate. Without it, and with Methods, such a client is refused with
	// 0x87 (0x05 before 5.0). With neither, everybody may connect, but Serve
	// takes only listeners that no other machine can reach.
	AllowAnonymous bool

	// Authorize says what a client that is connected may do: all that gets nil. It
	// is asked about each PUBLISH, each filter of a SUBSCRIBE, the will in CONNECT,
	// and, when a session is resumed, about each subscription that it has. Any
	// other error refuses, with Reason Code 0x87, Not authorized, or with that of a
	// [Refuse]; the package documentation says what becomes of the rest. It runs
	// for many connections at the same time, and for one of them never twice at
	// once. The connection waits for it, and nobody else does. Nobody asks about
	// what the program publishes itself. Nil allows all.
	//
	// Nothing is remembered: what is refused now may be allowed with the next
	// packet. So it should be quick. A panic ends the connection with 0x80.
	Authorize func(ctx context.Context, a *Access) error

	// AuthorizeTimeout is how long Authorize may take for one packet, however many
	// filters it has. Beyond, ctx ends, and the connection with 0x89: the message
	// has not been acknowledged, and the client may send it again. For CONNECT it
	// is ConnectTimeout. Default 10 s.
	AuthorizeTimeout time.Duration

	// Engine is how connections are served. Default EventLoops.
	Engine Engine

	// Loops is how many event loops there are. Default GOMAXPROCS, at most 1024.
	Loops int

	// MaximumConnections is how many connections there may be at once, those that
	// have not sent CONNECT included. One more is closed. Default 100 000.
	MaximumConnections int

	// MaximumPacketSize is the largest packet accepted from a client, in bytes,
	// fixed header included, section 3.2.2.3.6. Larger ones end the connection
	// with 0x95. Default 1 048 576, at least 64, at most 268 435 455.
	MaximumPacketSize int

	// ReceiveMaximum is how many QoS 2 messages of a client may be under way to
	// the broker, section 3.2.2.3.3. More end the connection with 0x93. Clients of
	// 3.1 and 3.1.1 cannot be told, and have 65 535. Default 1024, at most 65 535.
	ReceiveMaximum int

	// TopicAliasMaximum is how many topic aliases a client of 5.0 may set, section
	// 3.2.2.3.8, and how many at most are used towards it, if it allows as many.
	// Default 16, at most 65 535; -1 is none.
	TopicAliasMaximum int

	// MaximumSessions is how many sessions there may be at once, with a connection
	// or without. One more is refused with 0x89 (0x03 before 5.0). Default 200 000.
	MaximumSessions int

	// MaximumSessionExpiry is how long a session may last without a connection,
	// rounded up to seconds. A client of 5.0 that asks for more is told,
	// section 3.2.2.3.2. Before 5.0 a session that is not clean lasts as long.
	// Default 0, which is for ever, if the client wants that.
	MaximumSessionExpiry time.Duration

	// MaximumQueuedBytes is how many bytes of messages may wait for one client, and
	// how many may be under way to it that it has not acknowledged. Whatever its
	// size, one message may always. See the package documentation for what happens
	// beyond. Default 4 194 304.
	MaximumQueuedBytes int

	// MaximumQueuedMessages is how many messages may wait for one client. Default
	// 100 000.
	MaximumQueuedMessages int

	// MaximumSubscriptions is how many subscriptions one client may have. A
	// SUBSCRIBE beyond is answered with 0x97 (0x80 in 3.1.1, end of the connection
	// in 3.1). Default 10 000.
	MaximumSubscriptions int

	// MaximumSubscriptionBytes is how much memory the subscriptions of one client
	// may take, in bytes: each counts 512, and the length of its filter twice. A
	// SUBSCRIBE beyond is answered as one beyond MaximumSubscriptions. Default
	// 8 388 608.
	MaximumSubscriptionBytes int

	// MaximumRetainedMessages is how many retained messages there may be. A PUBLISH
	// at QoS 1 or 2 of a client of 5.0 beyond is refused with 0x97. Others, and
	// wills, are passed on and not retained, which is logged, and their topic has no
	// retained message then. Default 1 000 000.
	MaximumRetainedMessages int

	// MaximumRetainedBytes is how much memory retained messages may take, in bytes.
	// Each counts 640 beside the packet, and its topic name twice more. Beyond, it
	// is as with MaximumRetainedMessages. Default 268 435 456.
	MaximumRetainedBytes int

	// MaximumTopicLevels is how many levels a topic name or filter may have. More
	// in a filter is answered with 0x8F (0x80 in 3.1.1, end of the connection in
	// 3.1), more in a topic name ends the connection with 0x90. Default 200, at
	// most 65 535.
	MaximumTopicLevels int

	// MaximumKeepAlive is the longest keep alive of a client of 5.0, rounded up to
	// seconds: who asks for a longer one, or for none, is told this one, section
	// 3.2.2.3.14. Others cannot be told, and have the one that they ask for. Default
	// 0, which is any, at most 65 535 s.
	MaximumKeepAlive time.Duration

	// Without takes features away, say QoS2|RetainedMessages, from clients; the
	// program can still Subscribe as it likes. Clients of 3.1 and 3.1.1 cannot be
	// told, so who publishes at a QoS that there is not, or to be retained, has its
	// connection ended, and a filter that there cannot be is answered with 0x80 (end
	// of the connection in 3.1). A subscription is granted the QoS that there is, in
	// all versions. Default all features.
	Without Features

	// Sharing is how shared subscriptions choose among their members. Default
	// RoundRobin.
	Sharing Sharing

	// SharingOf is Sharing for some share names. New copies it.
	SharingOf map[string]Sharing

	// ConnectTimeout is how long a connection may take until it has sent CONNECT
	// and is authenticated, and later how long to authenticate again. Default 10 s.
	ConnectTimeout time.Duration

	// WriteTimeout is how long a peer may take nothing of what it is sent before
	// its connection is ended. Default 30 s.
	WriteTimeout time.Duration

	// SysInterval is how often Stats are published under $SYS/broker/, retained,
	// those that have changed. Default 10 s; negative is never.
	SysInterval time.Duration
}

// Login is who wants to connect. A [Method] may change it: it is given the same
// one when the client authenticates again. Authorize gets the user name that is
// left, which nobody has checked if nobody was asked.
type Login struct {
	ClientID    string // the one assigned, if the client has sent none
	Username    string
	Password    []byte
	HasUsername bool
	HasPassword bool
	Version     packets.Version
	RemoteAddr  net.Addr

	// PeerName is who the client is by a certificate that TLS has verified, see
	// PeerName of package listener. It is empty without one, and for one without a name.
	PeerName string
}

// The largest values of the standard.
const (
	mostPacketSize = 1<<28 - 1
	mostReceive    = 1<<16 - 1
	mostAliases    = 1<<16 - 1
	mostLevels     = 1<<16 - 1
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
		{"Loops", &c.Loops, 1, 1024, runtime.GOMAXPROCS(0)},
		{"MaximumConnections", &c.MaximumConnections, 1, most, 100_000},
		{"MaximumPacketSize", &c.MaximumPacketSize, 64, mostPacketSize, 1 << 20},
		{"ReceiveMaximum", &c.ReceiveMaximum, 1, mostReceive, 1024},
		{"TopicAliasMaximum", &c.TopicAliasMaximum, -1, mostAliases, 16},
		{"MaximumSessions", &c.MaximumSessions, 1, most, 200_000},
		{"MaximumQueuedMessages", &c.MaximumQueuedMessages, 1, most, 100_000},
		{"MaximumQueuedBytes", &c.MaximumQueuedBytes, 1, most, 4 << 20},
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
			return fmt.Errorf("broker: Config.%s is %d: expected %d to %d, or 0 for %d", n.key, v, n.least, n.most, n.normal)
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
		{"AuthorizeTimeout", &c.AuthorizeTimeout, 10 * time.Second},
		{"MaximumSessionExpiry", &c.MaximumSessionExpiry, 0},
		{"MaximumKeepAlive", &c.MaximumKeepAlive, 0},
	} {
		switch v := *d.value; {
		case v == 0:
			*d.value = d.normal
		case v < 0:
			return fmt.Errorf("broker: Config.%s is %s: expected more than 0s, or 0 for %s", d.key, v, d.normal)
		}
	}
	return c.completeFeatures()
}

// completeChoices is for what has a name.
func (c *Config) completeChoices() error {
	if c.Engine >= endOfEngines {
		return fmt.Errorf("broker: Config.Engine is %d: expected EventLoops or Goroutines", c.Engine)
	}
	if c.Sharing >= endOfSharing {
		return fmt.Errorf("broker: Config.Sharing is %s: expected a way of sharing", c.Sharing)
	}
	c.SharingOf = maps.Clone(c.SharingOf)
	for name, s := range c.SharingOf {
		if s >= endOfSharing {
			return fmt.Errorf("broker: Config.SharingOf[%q] is %s: expected a way of sharing", name, s)
		}
	}
	return nil
}

func (c *Config) completeMethods() error {
	c.Methods = maps.Clone(c.Methods)
	for name, m := range c.Methods {
		if m == nil {
			return fmt.Errorf("broker: Config.Methods[%q] is nil: expected a method", name)
		}
	}
	return nil
}
