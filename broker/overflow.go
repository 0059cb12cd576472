package broker

import (
	"fmt"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
)

// Overflow is what happens to a message for which a receiver has no room:
// MaximumQueuedBytes or MaximumQueuedMessages of it wait already, or
// MaximumQueuedTotal of all. The QoS is that at which it would go to the receiver,
// and a receiver is absent while its session has no connection. At QoS 0 there is
// nothing for a receiver that is absent, which is no overflow.
//
// Whoever else wants the message gets it, but with RefusePublish. Only with that
// does a publisher learn that somebody has not got its message: PUBACK and PUBREC
// say Success otherwise, or 0x10 if nobody wants it.
type Overflow uint8

// The ways to handle an overflow.
const (
	// DisconnectSlow ends the connection of a receiver for which there is no room at
	// QoS 1 or 2, with Reason Code 0x97, so that its client knows that something is
	// missing. What waits for it stays. For one that is absent the message is
	// dropped, as it is at QoS 0.
	//
	// It is the default: a flood costs only who cannot take it, and no client that is
	// there loses what was acknowledged without being told. Where nothing may be
	// lost for those who are absent, RefusePublish is the choice.
	DisconnectSlow Overflow = iota

	// DropNewest drops the message for that receiver, at each QoS, there or absent.
	DropNewest

	// DropOldest drops what has waited longest for that receiver, until there is
	// room, at each QoS, there or absent. A message at QoS 0 drops none at QoS 1 or
	// 2: if one of those has waited longest, it is dropped itself. So it is while
	// retained messages of a new subscription are what has waited longest.
	DropOldest

	// PushBack does not read the publisher, at each QoS, while more than half of the
	// room of a receiver that is there is taken, until a quarter is, and also while
	// MaximumQueuedTotal is three quarters taken. After PushBackTimeout nobody waits
	// for that receiver any more until it has caught up. Beyond the limits, and for
	// those who are absent, it is as with DisconnectSlow.
	//
	// A publisher whose own messages wait for its acknowledgements is read all the
	// same: two clients that flood one another do not stop for ever. Nor does the
	// program wait that calls Publish, nor a will.
	PushBack

	// RefusePublish refuses a message at QoS 1 or 2 of a client of 5.0 with Reason
	// Code 0x97 in PUBACK or PUBREC, if one of those who would get it at QoS 1 or 2
	// has no room, there or absent: then nobody gets it, and it is not retained. A
	// shared subscription has room if one of its members has. [Broker.Publish]
	// gives ErrNoRoom in the same case. To others, who cannot be told, at QoS 0, and
	// for wills, it is DropNewest. One receiver that does not read, or stays away,
	// thus stops all who publish to it.
	RefusePublish
	endOfOverflow
)

// String is the name of the constant.
func (o Overflow) String() string {
	names := [...]string{"DisconnectSlow", "DropNewest", "DropOldest", "PushBack", "RefusePublish"}
	if int(o) < len(names) {
		return names[o]
	}
	return fmt.Sprintf("Overflow(%d)", uint8(o))
}

// limits are those of what waits.
func (c *Config) limits() session.Limits {
	return session.Limits{
		Messages:   c.MaximumQueuedMessages,
		Bytes:      c.MaximumQueuedBytes,
		Total:      c.MaximumQueuedTotal,
		InFlight:   uint16(c.MaximumInFlight),
		DropOldest: c.Overflow == DropOldest,
		PushBack:   c.Overflow == PushBack,
	}
}

// overflowed is what there is to do for a receiver that has lost messages, or is
// about to.
func (b *Broker) overflowed(to *client, pushed session.Pushed, lost session.Loss, qos packets.QoS, t *session.Turn) {
	if b.config.Overflow == PushBack && !to.program {
		t.Crowded = to
	}
	if lost.N == 0 {
		return
	}
	if pushed == session.Overflow && (b.config.Overflow == DisconnectSlow || b.config.Overflow == PushBack) {
		cause := errOverflow
		if lost.Reason == session.MemoryFull {
			cause = errMemory
		}
		b.kill(to, cause)
		return
	}
	if powerOfTwo(lost.Total) {
		b.config.Logger.Warn("message dropped", "limit", limitOf[lost.Reason],
			"client", to.id, "qos", qos, "dropped", lost.Total)
	}
}

// limitOf are the keys of Config that strike.
var limitOf = [...]string{
	session.QueueFull:  "MaximumQueuedBytes or MaximumQueuedMessages",
	session.MemoryFull: "MaximumQueuedTotal",
}

// mustWait reports whether no packets of the connection should be read for now:
// its peer does not take answers, or somebody has no room for more of what it has
// just published. Then the link is Relieved when it is time to ask again. It is
// for who serves the connection, after each packet.
func (c *conn) mustWait() bool {
	if c.line == nil {
		return false
	}
	if c.line.Crowded() {
		return true
	}
	if c.turn.put && c.b.journal.Full(c.link) && c.stopWith(c.link.Relieved) == nil {
		return true
	}
	to, _ := c.turn.Crowded.(*client)
	if to == nil || !c.line.MayWait() || c.stopWith(c.link.Relieved) != nil {
		return false
	}
	return to.out.Await(c.link, func() { c.b.late(to) }, c.b.config.PushBackTimeout)
}

// late logs that nobody waits for that receiver any more.
func (b *Broker) late(to *client) {
	if n := b.overdue.Add(1); powerOfTwo(n) {
		b.config.Logger.Warn("receiver makes no room", "limit", "PushBackTimeout", "client", to.id, "times", n)
	}
}

// admits reports whether all who would get m at QoS 1 or 2 have room for it. If
// so, t does not ask them again.
func (b *Broker) admits(m *session.Message, t *turn) bool {
	rest, groups := t.match(b, m.Publish.Topic)
	defer t.matched()
	for len(rest) > 0 {
		n := sameClient(rest)
		if o, ok := merge(rest[:n], m.From); ok && !rest[0].Subscriber.out.HasRoom(m, min(o.QoS, m.Publish.QoS)) {
			return false
		}
		rest = rest[n:]
	}
	for _, s := range groups {
		if !s.Subscriber.hasRoom(m) {
			return false
		}
	}
	return true
}

// refuses is where the policy is to ask that: if it is true, nobody gets m.
func (b *Broker) refuses(m *session.Message, t *turn) bool {
	if b.config.Overflow != RefusePublish || m.Publish.QoS == packets.AtMostOnce {
		return false
	}
	if b.admits(m, t) {
		t.Admitted = true
		return false
	}
	if n := b.refused.Add(1); powerOfTwo(n) {
		b.config.Logger.Warn("message refused", "limit", "MaximumQueuedBytes, MaximumQueuedMessages or MaximumQueuedTotal",
			"client", m.From, "topic", string(m.Publish.Topic), "refused", n)
	}
	return true
}
