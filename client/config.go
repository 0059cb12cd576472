package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
)

const (
	defaultKeepAlive      = 60 * time.Second
	defaultPacketSize     = 16 << 20
	defaultReceiveMaximum = 1024
	defaultConnectTimeout = 30 * time.Second
	defaultQueued         = 16_384
	defaultQueuedBytes    = 64 << 20
)

// never is the Session Expiry Interval of a session that does not expire.
const never = math.MaxUint32

// Config is how a client connects. The zero Config will do.
type Config struct {
	// Version is that of the protocol. Zero means 3.1.1.
	Version packets.Version

	// ClientID names the session. If it is empty the server invents one (in 3.1
	// the client does), which [Client.ClientID] tells if it is known.
	ClientID string

	// Username and Password are not sent when they are empty. Before 5.0 there is
	// no password without a user name.
	Username string
	Password string

	// KeepAlive is the longest silence towards the server. Zero means 60 s,
	// negative none. It is rounded up to seconds; 65 535 s are the most. A server
	// of 5.0 may demand another. A server that does not answer a PINGREQ, and
	// sends nothing else either, for that long is taken for gone.
	KeepAlive time.Duration

	// KeepSession goes on with the session that the server has for ClientID, and
	// leaves it there. If it is not set, a Client begins with a clean session, and
	// before 5.0 every connection does. What the server sends for a session before
	// anyone has subscribed is for Handler, or if there is none for [Client.Receive]
	// or who subscribes to it first.
	// A server of 3.1 does not say whether it has the session: it is taken to, and asked
	// for the subscriptions in any case.
	KeepSession bool

	// SessionExpiry is how long a server of 5.0 keeps the session after a connection.
	// Zero means for ever with KeepSession. Without it that is five minutes, so that the
	// session goes on on the next connection, and nothing behind Disconnect or Close, or
	// if [New] has made the Client.
	SessionExpiry time.Duration

	// Will is what the server publishes if the connection ends without Disconnect.
	Will *Will

	// MaximumPacketSize is the largest packet accepted, in bytes with its fixed
	// header. Zero means 16 777 216; the limit of the protocol is 268 435 460. A
	// server of 5.0 is told, and keeps larger messages to itself. Any other that
	// sends a larger packet is disconnected.
	MaximumPacketSize uint32

	// ReceiveMaximum is how many messages of QoS 1 and 2 a server of 5.0 may have
	// sent without an acknowledgement. Zero means 1024. Earlier ones cannot be
	// told, and have 65 535.
	ReceiveMaximum uint16

	// TopicAliasMaximum is how many topic aliases a server of 5.0 may use: up to
	// 64 KiB of memory for each. Zero means none.
	TopicAliasMaximum uint16

	// TLS is for mqtts and wss, and for https proxies but for its ServerName and
	// NextProtos. Nil is the default of [tls.Config]. Without a ServerName that is
	// the host of the address. Certificates of the client go here, and "mqtt" as
	// NextProtos for the servers that want ALPN.
	TLS *tls.Config

	// Header is sent with the request that opens a WebSocket. Its Host goes before
	// that of the address.
	Header http.Header

	// Dialer opens TCP connections and unix sockets, to proxies too. Nil is a
	// [net.Dialer].
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)

	// Proxy gives the proxy for an address, nil for none: http and https are asked
	// by CONNECT, socks5 and socks5h by SOCKS version 5, with the name and password
	// of the URL, if any. The proxy looks up the name of the server. The address has
	// its port and no user; unix sockets have no proxy. Without a Proxy the
	// environment says: ALL_PROXY for mqtt and mqtts, HTTP_PROXY or ALL_PROXY for
	// ws, HTTPS_PROXY or ALL_PROXY for wss, and none for localhost, loopback
	// addresses and what NO_PROXY names. Small letters count too, and first.
	Proxy func(address *url.URL) (*url.URL, error)

	// Credentials, if it is set, gives user name and password for each connection.
	// It may take as long as ctx lasts, at most ConnectTimeout.
	Credentials func(ctx context.Context) (username, password string, err error)

	// Authentication is enhanced authentication with a server of 5.0, section 4.12.
	Authentication Authentication

	// Fallback asks a server that refuses 5.0 for 3.1.1, and from then on every
	// server.
	Fallback bool

	// FollowReference connects to the server that another refers to, with 0x9C, Use
	// another server, or 0x9D, Server moved, section 4.11, and shows it the same user
	// name and password. So it is for servers that are trusted with that.
	FollowReference bool

	// ConnectTimeout is how long making one connection may take, from the look-up of
	// its address to CONNACK. Zero means 30 s.
	ConnectTimeout time.Duration

	// Backoff is how long to wait before connecting again, after so many attempts
	// that failed since a connection lasted for 10 s. Nil doubles from 100 ms to 30 s,
	// and takes off up to a half, at random. A session that another client with the same
	// identifier has taken over counts as ten that failed.
	Backoff func(failures int) time.Duration

	// OnUp and OnDown are told of each connection, one after the other and in order.
	// They may call all methods of the client. While one blocks, the last 1000 of what
	// they and the Logger are to be told are kept.
	OnUp   func(UpEvent)
	OnDown func(DownEvent)

	// MaximumQueued and MaximumQueuedBytes bound the messages of PublishAsync, and with
	// a Store those of Publish at QoS 1 and 2, that are not over, by their number and by
	// the memory they take: zero means 16 384, and 64 MiB. With a Store 32 768 messages
	// are the most. One message has room always. WhenFull says what becomes of the next.
	MaximumQueued      int
	MaximumQueuedBytes int
	WhenFull           Full

	// Store, if it is set, outlives the process, see [store.OpenDir]. It is for
	// KeepSession and a ClientID, whose session it belongs to. What PublishAsync has
	// accepted at QoS 1 and 2, and what Publish waits for, is published though the
	// process is killed, in order and before anything else, by the next Client that has
	// the Store; at QoS 2 once, unless the server loses the session. What was handled at
	// QoS 2 is not handled again, but for the message that each handler was at when the
	// process was killed: Dup is set then.
	//
	// Nothing is sent before what it depends on is stored. While the Store fails it is
	// tried once a second, and the Logger says so. MaximumQueued, at most 32 768 here,
	// counts also the messages of Publish, and those of earlier processes. The Client
	// has the Store to itself until Done, and does not close it.
	Store store.Store

	// Hooks are called beside what the client does.
	Hooks Hooks

	// ResponsePrefix begins the topic that responses to [Client.Request] come to; the
	// client identifier follows, as one topic level. A server may have to be told that
	// the client may subscribe to that, and others publish. Empty means the Response
	// Information of the server, if Props ask for it and it gives any, and then
	// "fletch/reply/".
	ResponsePrefix string

	// Props are further properties of CONNECT, for 5.0. The fields above win.
	Props packets.ConnectProps

	// Handler handles the messages that match no subscription. Without it they are
	// acknowledged and discarded.
	Handler Handler

	// Logger is told what no caller is: connections that come and go, at levels Info and
	// Warn, what a server or a handler does wrong, and what becomes of messages that
	// nobody waits for. Nil is silent.
	Logger *slog.Logger
}

// Hooks are for metrics and tracing. A nil one is not called.
type Hooks struct {
	// Publish sees a message before it is published, with the context of the caller,
	// and may change it: for example add the context of a trace to its user
	// properties.
	Publish func(ctx context.Context, m *Message)

	// Handle sees a message before its handler does. What it returns, if that is not
	// nil, is called when the handler has returned, with its error, or has not, as it
	// panics, with one that says so. Messages of Receive and of loops have no handler.
	Handle func(m *Message) (done func(error))
}

// Will is a message that the server keeps for the end of the client.
type Will struct {
	Topic   string
	Payload []byte
	QoS     packets.QoS
	Retain  bool
	Props   packets.WillProps // for 5.0
}

// withDefaults is c with its zero values replaced, or an ErrInvalid.
func (c Config) withDefaults() (Config, error) {
	switch c.Version {
	case 0:
		c.Version = packets.V311
	case packets.V31, packets.V311, packets.V5:
	default:
		return c, invalid("Version %d: want packets.V31, V311 or V5", c.Version)
	}
	switch {
	case c.KeepAlive == 0:
		c.KeepAlive = defaultKeepAlive
	case c.KeepAlive < 0:
		c.KeepAlive = 0
	case c.KeepAlive > math.MaxUint16*time.Second:
		return c, invalid("KeepAlive %v: want at most 65535 s", c.KeepAlive)
	}
	c.KeepAlive = (c.KeepAlive + time.Second - 1).Truncate(time.Second)
	if c.KeepSession && c.ClientID == "" && c.Version != packets.V5 {
		return c, invalid("KeepSession: want a ClientID, by which the server knows the session again")
	}
	if c.ClientID == "" && c.Version == packets.V31 {
		c.ClientID = randomID()
	}
	c.MaximumPacketSize = cmp.Or(c.MaximumPacketSize, defaultPacketSize)
	c.ReceiveMaximum = cmp.Or(c.ReceiveMaximum, defaultReceiveMaximum)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c.complete()
}

// complete goes on with withDefaults.
func (c Config) complete() (Config, error) {
	switch {
	case c.ConnectTimeout < 0:
		return c, invalid("ConnectTimeout %v: want more than 0", c.ConnectTimeout)
	case c.MaximumQueued < 0:
		return c, invalid("MaximumQueued %d: want more than 0", c.MaximumQueued)
	case c.MaximumQueuedBytes < 0:
		return c, invalid("MaximumQueuedBytes %d: want more than 0", c.MaximumQueuedBytes)
	case c.WhenFull > DropOldest:
		return c, invalid("WhenFull %d: want Wait, Refuse or DropOldest", c.WhenFull)
	case c.ResponsePrefix != "" && !packets.ValidTopicName(c.ResponsePrefix):
		return c, invalid("ResponsePrefix %q: want the beginning of a topic name", c.ResponsePrefix)
	case c.Authentication != nil && c.Version != packets.V5:
		return c, invalid("Authentication: want Version packets.V5")
	case c.Store != nil && (c.ClientID == "" || !c.KeepSession):
		return c, invalid("Store: want KeepSession and a ClientID, whose session it belongs to")
	case c.Store != nil && c.MaximumQueued > mostStored:
		return c, invalid("MaximumQueued %d: with a Store at most %d", c.MaximumQueued, mostStored)
	case c.Fallback && c.Version != packets.V5:
		return c, invalid("Fallback: want Version packets.V5")
	}
	if _, ok := c.Props.AuthenticationMethod(); ok {
		return c, invalid("Authentication Method in Props: want Authentication")
	}
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, defaultConnectTimeout)
	c.MaximumQueued = cmp.Or(c.MaximumQueued, defaultQueued)
	c.MaximumQueuedBytes = cmp.Or(c.MaximumQueuedBytes, defaultQueuedBytes)
	if c.Backoff == nil {
		c.Backoff = backoff
	}
	return c, nil
}

// randomID is a client identifier for 3.1, where it has at most 23 characters, and a
// broker may insist.
func randomID() string {
	var b [8]byte
	rand.Read(b[:])
	return "fletch-" + hex.EncodeToString(b[:])
}
