package broker

import (
	"fmt"
	"net"
	"time"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
)

// The interfaces that [Config.Hooks] may have. Their methods run for many clients
// at the same time, where the thing happens: whoever does it waits for them. So
// they must not block. They may call methods of the Broker, but for Shutdown, and
// those that hear of messages must not publish: they would hear of that too, and
// wait for themselves where [Config.Store] has to keep it. A panic is logged, and
// changes nothing else. Byte slices are those of the broker: they are valid until the
// method returns, and not to be changed.
type (
	// ConnectedHook hears of clients that are accepted. [Disconnected] follows for
	// each, before the next Connected of the same client.
	ConnectedHook interface{ Connected(Connected) }

	// DisconnectedHook hears of connections that end, of clients that were accepted.
	DisconnectedHook interface{ Disconnected(Disconnected) }

	// SubscribedHook hears of each topic filter that a client subscribes to, again
	// too.
	SubscribedHook interface{ Subscribed(Subscribed) }

	// UnsubscribedHook hears of each topic filter that a client unsubscribes from. The
	// end of a session, which is also the end of its subscriptions, it does not hear.
	UnsubscribedHook interface{ Unsubscribed(Unsubscribed) }

	// PublishedHook hears of each message that the broker passes on, once, whether
	// somebody wants it or not: also of wills, and of those that the program and the
	// broker itself publish.
	PublishedHook interface{ Published(Published) }

	// DeliveredHook hears of each message that is about to be written to a
	// connection. Whether the client has it, PUBACK and PUBCOMP say, which nobody
	// hears.
	DeliveredHook interface{ Delivered(Delivered) }

	// DroppedHook hears of each message for which a receiver has no room.
	DroppedHook interface{ Dropped(Dropped) }
)

// Connected is that a client was accepted.
type Connected struct {
	ClientID       string
	Username       string // as CONNECT has it
	PeerName       string // as in Login
	Version        packets.Version
	RemoteAddr     net.Addr
	KeepAlive      time.Duration // that holds, 0 for none
	SessionPresent bool          // it resumes a session
}

// Disconnected is that the connection of a client has ended.
type Disconnected struct {
	ClientID   string
	Version    packets.Version
	RemoteAddr net.Addr

	// Cause is why, as in the log, and Reason what the client was told about it, if
	// anything: it is 0 if it has said DISCONNECT, or is just gone.
	Cause  error
	Reason packets.ReasonCode
}

// Subscribed is that a client has subscribed.
type Subscribed struct {
	ClientID          string
	Filter            string      // with $share, if it has that
	QoS               packets.QoS // granted
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    packets.RetainHandling
}

// Unsubscribed is that a client has no subscription to Filter any more.
type Unsubscribed struct {
	ClientID string
	Filter   string
}

// Published is a message that is passed on.
type Published struct {
	ClientID string // of who has published it, empty for the program and the broker
	Topic    []byte
	Payload  []byte
	QoS      packets.QoS
	Retain   bool
}

// Delivered is a message that is sent to a client.
type Delivered struct {
	ClientID string
	Topic    []byte
	Payload  []byte
	QoS      packets.QoS // at which it is sent
	Retain   bool        // as it is sent
	Dup      bool        // it is sent again
}

// Dropped is a message for which a receiver has no room.
type Dropped struct {
	ClientID string // of the receiver
	Topic    []byte
	Payload  []byte
	QoS      packets.QoS // at which it would have gone to it

	// N is how many were dropped: one, which is this, or, with DropOldest, as many
	// as made room for it.
	N int
}

// hooks are those of Config.Hooks that are there.
type hooks struct {
	connected    ConnectedHook
	disconnected DisconnectedHook
	subscribed   SubscribedHook
	unsubscribed UnsubscribedHook
	published    PublishedHook
	delivered    DeliveredHook
	dropped      DroppedHook
}

// newHooks asks v, once, what it is.
func newHooks(v any) (h hooks, err error) {
	h.connected, _ = v.(ConnectedHook)
	h.disconnected, _ = v.(DisconnectedHook)
	h.subscribed, _ = v.(SubscribedHook)
	h.unsubscribed, _ = v.(UnsubscribedHook)
	h.published, _ = v.(PublishedHook)
	h.delivered, _ = v.(DeliveredHook)
	h.dropped, _ = v.(DroppedHook)
	if v != nil && h == (hooks{}) {
		return h, &ConfigError{"Hooks", fmt.Sprintf("of type %T", v), "one of the Hook interfaces, say ConnectedHook"}
	}
	return h, nil
}

// tell calls a method of Config.Hooks about a client.
func (b *Broker) tell(client string, f func()) {
	err := guard(func() error { f(); return nil })
	if err == nil {
		return
	}
	guard(func() error { // it may be the Logger that panics
		b.config.Logger.Error("hook", "client", client, "error", err, "stack", string(err.(*panicked).stack))
		return nil
	})
}

func (c *conn) tellConnected(p *packets.Connect, present bool) {
	h := c.b.hooks.connected
	if h == nil {
		return
	}
	c.b.tell(c.clientID, func() {
		h.Connected(Connected{
			ClientID:       c.clientID,
			Username:       string(p.Username),
			PeerName:       c.link.peerName(),
			Version:        c.version,
			RemoteAddr:     c.link.remoteAddr(),
			KeepAlive:      c.patience * 2 / 3,
			SessionPresent: present,
		})
	})
}

func (c *conn) tellDisconnected(cause error) {
	h := c.b.hooks.disconnected
	if h == nil || c.line == nil {
		return
	}
	c.b.tell(c.clientID, func() {
		h.Disconnected(Disconnected{
			ClientID: c.clientID, Version: c.version, RemoteAddr: c.link.remoteAddr(),
			Cause: cause, Reason: reasonFor(cause),
		})
	})
}

func (c *conn) tellSubscribed(filter string, x *packets.Subscription, granted packets.QoS) {
	if h := c.b.hooks.subscribed; h != nil {
		c.b.tell(c.clientID, func() {
			h.Subscribed(Subscribed{c.clientID, filter, granted, x.NoLocal, x.RetainAsPublished, x.RetainHandling})
		})
	}
}

func (c *conn) tellUnsubscribed(filter string) {
	if h := c.b.hooks.unsubscribed; h != nil {
		c.b.tell(c.clientID, func() { h.Unsubscribed(Unsubscribed{c.clientID, filter}) })
	}
}

func (b *Broker) tellPublished(from string, p *packets.Publish) {
	if h := b.hooks.published; h != nil {
		b.tell(from, func() { h.Published(Published{from, p.Topic, p.Payload, p.QoS, p.Retain}) })
	}
}

func (c *conn) tellDelivered(d *session.Delivery) {
	if h := c.b.hooks.delivered; h != nil {
		p := &d.Message.Publish
		c.b.tell(c.clientID, func() {
			h.Delivered(Delivered{c.clientID, p.Topic, p.Payload, d.QoS, d.Retain, d.Dup})
		})
	}
}

func (b *Broker) tellDropped(to *client, m *session.Message, qos packets.QoS, n int) {
	if h := b.hooks.dropped; h != nil && n > 0 {
		b.tell(to.id, func() { h.Dropped(Dropped{to.id, m.Publish.Topic, m.Publish.Payload, qos, n}) })
	}
}
