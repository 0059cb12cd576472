package broker

import (
	"context"
	"log/slog"
	"time"

	"github.com/fletchmq/fletch/broker/store"
)

// Config is how a broker is to be. The zero Config is a good one: it accepts
// everybody on this machine. A limit that is 0 is the default.
type Config struct {
	// Logger gets a line for each connection that ends in another way than by
	// DISCONNECT or Shutdown, which any client can bring about, and one when a limit
	// strikes for the 1st, 2nd, 4th, 8th time and so on. It should not block: what
	// logs waits for it. Nil is [slog.Default].
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

	// Loops is how many event loops there are. The first few connections share one.
	// More can do more, but each message costs more, as those of one loop to a
	// connection of another do. And the system needs processors to move what they
	// write. Default half of GOMAXPROCS, rounded up, at most 1024.
	Loops int

	// MaximumConnections is how many connections there may be at once, those that
	// have not sent CONNECT included. One more is closed. Default 100 000.
	MaximumConnections int

	// ConnectRate is how many connections are accepted in a second, by all Serve
	// together; as many may come at once. Others wait until it is their turn, in the
	// order in which they came. Default 0, which is without a limit.
	ConnectRate int

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
	// size, one message may always. See [Overflow] for what happens beyond. What is
	// just being written to the client does not wait: up to 256 KiB. Default
	// 4 194 304, and 67 108 864 with a Store, where what waits is not in memory.
	MaximumQueuedBytes int

	// MaximumQueuedMessages is how many messages may wait for one client. Default
	// 100 000.
	MaximumQueuedMessages int

	// MaximumQueuedTotal is how much memory messages may take that wait for clients,
	// or for their acknowledgements, all together, in bytes. A message counts 512 and
	// its bytes once, and 128 for each client, but for its first 8. Beyond, a client has room only while
	// what waits for it is a small share of an eighth more, so that those who take
	// what they are sent are served while others do not. Default 1 073 741 824.
	MaximumQueuedTotal int

	// Store keeps sessions with a Session Expiry Interval, what waits for them, and
	// what is retained: New begins with what is there, and what has to outlive the
	// process is acknowledged when it is stored. It is the program's, which closes it
	// after Shutdown. Nil is no store: nothing outlives the process.
	Store store.Store

	// MaximumUnstored is how many bytes may wait for the Store. Beyond, publishers
	// whose messages are to be stored are not read until half of it is stored. Default
	// 16 777 216.
	MaximumUnstored int

	// MaximumInFlight is how many messages at QoS 1 and 2 a client may have been sent
	// and not acknowledged, if its Receive Maximum allows as many, section 4.9. The
	// others wait. Default 1024, at most 32 768.
	MaximumInFlight int

	// Overflow is what happens to a message for which a receiver has no room.
	// Default DisconnectSlow.
	Overflow Overflow

	// PushBackTimeout is how long a publisher waits for room, if Overflow is
	// PushBack. Default 5 s.
	PushBackTimeout time.Duration

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
	// Each counts 384 beside the packet, and its topic name twice more. Beyond, it
	// is as with MaximumRetainedMessages. Default 268 435 456.
	MaximumRetainedBytes int

	// MaximumTopicLevels is how many levels a topic name or filter may have. More
	// in a filter is answered with 0x8F (0x80 in 3.1.1, end of the connection in
	// 3.1), more in a topic name ends the connection with 0x90. Default 200, at
	// most 65 535.
	MaximumTopicLevels int

	// MaximumSubscriptionsTotal is how many subscriptions all clients may have
	// together. A SUBSCRIBE beyond is answered as one beyond MaximumSubscriptions.
	// Default 2 000 000.
	MaximumSubscriptionsTotal int

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
