package broker

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
)

// Action is what a client wants to do.
type Action uint8

// The actions.
const (
	ToPublish   Action = iota + 1 // a message, or the will that it leaves with CONNECT
	ToSubscribe                   // and to be sent what matches, what is retained included
)

// String is what it does, for the log.
func (a Action) String() string {
	switch a {
	case ToPublish:
		return "publish"
	case ToSubscribe:
		return "subscribe"
	}
	return fmt.Sprintf("Action(%d)", uint8(a))
}

// Access is what [Config.Authorize] is asked about. It is the callee's.
type Access struct {
	ClientID   string
	Username   string // of the [Login], as Authenticate or a Method has left it
	PeerName   string // of the Login
	Version    packets.Version
	RemoteAddr net.Addr
	Action     Action

	// Topic is a topic name to publish to, or a topic filter to subscribe to. A
	// filter may have wildcards, and then stands for all topic names that it
	// matches: "a/+" is not below "a/b". To compare names with filters there is
	// MatchTopic of package packets.
	Topic string

	ShareName string      // of a shared subscription, whose Topic is without it
	QoS       packets.QoS // of the message, or asked for; 0 when a session is resumed
	Retain    bool        // the message is to be retained
}

// access is what c wants, still without what.
func (c *conn) access(a Action) Access {
	return Access{
		ClientID:   c.clientID,
		Username:   c.who.Username,
		PeerName:   c.who.PeerName,
		Version:    c.version,
		RemoteAddr: c.who.RemoteAddr,
		Action:     a,
	}
}

// authorize asks about all of these. The refusals are nil for what is allowed,
// and fit a packet of type t. The error is why the connection ends: there is no
// answer until then, or a panic.
func (c *conn) authorize(until time.Time, tooLate error, t packets.Type, all ...Access) ([]error, error) {
	refusals := make([]error, len(all))
	if err := c.ask(until, tooLate, func(ctx context.Context) error {
		for i := range all {
			if ctx.Err() != nil {
				return ctx.Err() // nobody waits any more
			}
			a := all[i]
			refusals[i] = refusal(c.b.config.Authorize(ctx, &a), t, packets.NotAuthorized)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	for i, refused := range refusals {
		if refused != nil {
			c.denied(&all[i], refused)
		}
	}
	return refusals, nil
}

// denied counts what is not allowed.
func (c *conn) denied(a *Access, refused error) {
	c.b.denied.Add(1)
	if c.refused++; powerOfTwo(uint64(c.refused)) {
		c.b.config.Logger.Warn("not authorized", "client", a.ClientID, "username", a.Username, "remote", a.RemoteAddr,
			"action", a.Action.String(), "topic", a.Topic, "error", refused, "refused", c.refused)
	}
}

// answerBy is until when an answer about a packet that comes now counts.
func (c *conn) answerBy() time.Time { return time.Now().Add(c.b.config.AuthorizeTimeout) }

// errSys refuses what a client would publish in the name of the broker.
var errSys = fmt.Errorf("%w: only the broker publishes below $SYS", Refuse(packets.NotAuthorized))

// ofBridges is where a bridge of Mosquitto, and of who does as that, says whether it
// is connected, also by its will.
const ofBridges = "$SYS/broker/connection/+/state"

// usurps refuses topic if only the broker publishes there, section 4.7.2. Nobody
// is asked.
func (c *conn) usurps(topic []byte) error {
	name, ok := bytes.CutPrefix(topic, []byte("$SYS"))
	if !ok || len(name) > 0 && name[0] != '/' || packets.MatchTopic(ofBridges, topic) {
		return nil
	}
	c.denied(&Access{ClientID: c.clientID, RemoteAddr: c.link.remoteAddr(), Action: ToPublish, Topic: string(topic)}, errSys)
	return errSys
}

// mayPublish asks about a message of the client.
func (c *conn) mayPublish(p *packets.Publish) (refused, err error) {
	if refused := c.usurps(p.Topic); refused != nil || c.b.config.Authorize == nil {
		return refused, nil
	}
	a := c.access(ToPublish)
	a.Topic, a.QoS, a.Retain = string(p.Topic), p.QoS, p.Retain
	refusals, err := c.authorize(c.answerBy(), errAuthorizeTimeout, packets.TypePuback, a)
	if err != nil {
		return nil, err
	}
	return refusals[0], nil
}

// mayLeave asks about the will in a CONNECT. Who must not leave it, must not
// connect [MQTT-3.1.4-2].
func (c *conn) mayLeave(p *packets.Connect) error {
	if !p.HasWill {
		return nil
	}
	if refused := c.usurps(p.Will.Topic); refused != nil || c.b.config.Authorize == nil {
		return refused
	}
	a := c.access(ToPublish)
	a.Topic, a.QoS, a.Retain = string(p.Will.Topic), p.WillQoS, p.WillRetain
	refusals, err := c.authorize(c.deadline(), errConnectTimeout, packets.TypeConnack, a)
	if err != nil {
		return err
	}
	return refusals[0]
}

// maySubscribe asks about the filters of a SUBSCRIBE. Without anybody to ask the
// refusals are nil.
func (c *conn) maySubscribe(filters []packets.Subscription) (refusals []error, err error) {
	if c.b.config.Authorize == nil {
		return nil, nil
	}
	all := make([]Access, len(filters))
	for i, x := range filters {
		all[i] = c.subscribing(string(x.Filter), x.QoS)
	}
	return c.authorize(c.answerBy(), errAuthorizeTimeout, packets.TypeSuback, all...)
}

func (c *conn) subscribing(filter string, qos packets.QoS) Access {
	a := c.access(ToSubscribe)
	a.ShareName, a.Topic, _ = packets.SplitShared(filter)
	a.QoS = qos
	return a
}

// reconsider asks again about the subscriptions of a session that is resumed:
// those that are not allowed any more come off, and nothing that waits for them
// is sent. It comes before the session has a line.
func (c *conn) reconsider() error {
	if c.b.config.Authorize == nil {
		return nil
	}
	filters := slices.Sorted(c.client.filters.all())
	all := make([]Access, len(filters))
	for i, filter := range filters {
		all[i] = c.subscribing(filter, 0)
	}
	refusals, err := c.authorize(c.deadline(), errConnectTimeout, packets.TypeSuback, all...)
	if err != nil {
		return err
	}
	var kept, lost scope
	for i, filter := range filters {
		if refusals[i] == nil {
			kept.add(c.b, filter)
			continue
		}
		lost.add(c.b, filter)
		c.unsubscribe(filter)
	}
	// What has been sent before goes on for a client that has unsubscribed
	// [MQTT-3.10.4-3] [MQTT3-3.10.4-3], but not for one that must not subscribe.
	orphans := c.client.out.Revoke(func(m *session.Message, g session.Group, begun bool) bool {
		return kept.has(m, g) || begun && !lost.has(m, g)
	})
	c.b.adopt(c.client, orphans, &c.turn.Turn)
	return nil
}

// scope is what some subscriptions of one client bring it.
type scope struct {
	filters topics.Tree[struct{}]
	groups  map[session.Group]bool
	found   []topics.Subscription[struct{}]
}

func (s *scope) add(b *Broker, filter string) {
	if _, _, shared := packets.SplitShared(filter); !shared {
		s.filters.Subscribe(filter, topics.Subscription[struct{}]{})
		return
	}
	b.shares.mu.Lock()
	defer b.shares.mu.Unlock()
	if s.groups == nil {
		s.groups = make(map[session.Group]bool)
	}
	s.groups[b.shares.groups[filter]] = true
}

func (s *scope) has(m *session.Message, g session.Group) bool {
	if g != nil {
		return s.groups[g]
	}
	s.found = s.filters.Match(s.found[:0], m.Publish.Topic)
	return len(s.found) > 0
}
