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

	"github.com/fletchmq/fletch/packets"
)

const (
	defaultKeepAlive      = 60 * time.Second
	defaultPacketSize     = 16 << 20
	defaultReceiveMaximum = 1024
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
	// leaves it there. If it is not set, every connection begins with a clean
	// session. What the server sends for a session before the first Subscribe is
	// for Handler, or for [Client.Receive] if there is no Handler.
	KeepSession bool

	// SessionExpiry is how long a server of 5.0 keeps the session after the
	// connection. Zero means not at all, and with KeepSession for ever.
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

	// Props are further properties of CONNECT, for 5.0. The fields above win.
	// Enhanced authentication is not supported yet.
	Props packets.ConnectProps

	// Handler handles the messages that match no subscription. Without it they are
	// acknowledged and discarded.
	Handler Handler

	// Logger is told what no caller is. Nil is silent.
	Logger *slog.Logger
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
	if c.ClientID == "" && c.Version == packets.V31 {
		c.ClientID = randomID()
	}
	c.MaximumPacketSize = cmp.Or(c.MaximumPacketSize, defaultPacketSize)
	c.ReceiveMaximum = cmp.Or(c.ReceiveMaximum, defaultReceiveMaximum)
	if c.Version != packets.V5 {
		c.ReceiveMaximum = math.MaxUint16
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if _, ok := c.Props.AuthenticationMethod(); ok {
		return c, invalid("enhanced authentication is not supported")
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

// connect is the CONNECT of c, whose defaults are filled in.
func (c *Config) connect() (*packets.Connect, error) {
	p := &packets.Connect{
		HasUsername: c.Username != "", // [MQTT-3.1.2-16] [MQTT-3.1.2-17]
		HasPassword: c.Password != "", // [MQTT-3.1.2-18] [MQTT-3.1.2-19]
		CleanStart:  !c.KeepSession,
		KeepAlive:   uint16(c.KeepAlive / time.Second),
		Props:       c.Props,
		ClientID:    []byte(c.ClientID),
		Username:    []byte(c.Username),
		Password:    []byte(c.Password),
	}
	if w := c.Will; w != nil { // [MQTT-3.1.2-9]
		p.HasWill, p.WillQoS, p.WillRetain = true, w.QoS, w.Retain
		p.Will = packets.Will{Topic: []byte(w.Topic), Payload: w.Payload, Props: w.Props}
	}
	c.properties(&p.Props)
	if err := p.Validate(c.Version); err != nil {
		return nil, failed(ErrInvalid, err)
	}
	return p, nil
}

func (c *Config) properties(p *packets.ConnectProps) {
	switch {
	case c.SessionExpiry >= never*time.Second || c.SessionExpiry <= 0 && c.KeepSession:
		p.SetSessionExpiryInterval(never)
	case c.SessionExpiry > 0:
		p.SetSessionExpiryInterval(uint32((c.SessionExpiry + time.Second - 1) / time.Second))
	}
	if c.ReceiveMaximum != math.MaxUint16 {
		p.SetReceiveMaximum(c.ReceiveMaximum)
	} else {
		p.Unset(packets.PropReceiveMaximum)
	}
	p.SetMaximumPacketSize(c.MaximumPacketSize)
	if c.TopicAliasMaximum != 0 {
		p.SetTopicAliasMaximum(c.TopicAliasMaximum)
	} else {
		p.Unset(packets.PropTopicAliasMaximum)
	}
}
