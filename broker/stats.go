package broker

import (
	"time"

	"github.com/fletchmq/fletch/broker/session"
)

// Stats is what a broker has at one moment, and what it has had since New.
type Stats struct {
	Connections         int // those that have not sent CONNECT included
	Sessions            int // with a connection or without
	Connected           int // sessions with a connection
	Subscriptions       int // shared ones included
	SharedSubscriptions int
	Retained            int // messages, those of $SYS included

	RetainedBytes int // as MaximumRetainedBytes counts them

	Since         time.Time // when New made it
	Accepted      uint64    // connections that were served, also without CONNECT
	TurnedAway    uint64    // connections beyond MaximumConnections
	MostConnected int       // sessions with a connection, at once
	Expired       uint64    // sessions whose Session Expiry Interval has passed

	// Trouble is why nothing can be stored at the moment, empty if it can.
	Trouble string

	// QueuedMemory is how many bytes count for MaximumQueuedTotal.
	QueuedMemory int

	// Dropped is how many messages had no room in a session: each counts for each
	// receiver that did not get it. It is the sum of the first two of Drops.
	Dropped uint64
	Drops   Drops

	// Refused is how many messages were refused for want of room in a session,
	// because of RefusePublish.
	Refused uint64

	// NotRetained is how many messages were not retained for want of room.
	NotRetained uint64

	// NotAuthorized is how often Authorize has refused.
	NotAuthorized uint64

	Received Traffic // from clients
	Sent     Traffic // to clients
}

// Traffic is what has gone in one direction.
type Traffic struct {
	Bytes    uint64 // of the transport that the listener makes
	Packets  uint64
	Messages uint64 // PUBLISH packets, which count among Packets as well
}

// Drops is how many messages receivers did not get, by reason.
type Drops struct {
	QueueFull     uint64 // MaximumQueuedBytes or MaximumQueuedMessages
	MemoryFull    uint64 // MaximumQueuedTotal
	Expired       uint64 // the Message Expiry Interval has passed
	TooLarge      uint64 // for the Maximum Packet Size of the receiver
	NotAuthorized uint64 // the receiver may not have it
	Missing       uint64 // the Store does not have it any more
}

func dropsOf(d session.Drops) Drops {
	return Drops{
		QueueFull:     d[session.QueueFull],
		MemoryFull:    d[session.MemoryFull],
		Expired:       d[session.Expired],
		TooLarge:      d[session.TooLarge],
		NotAuthorized: d[session.NotAuthorized],
		Missing:       d[session.Missing],
	}
}

// Stats counts. The figures are not of exactly the same moment.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	s := Stats{
		Connections:   len(b.conns),
		Sessions:      len(b.clients),
		Connected:     b.connected,
		Since:         b.began,
		TurnedAway:    b.turned,
		MostConnected: b.mostConnected,
		Expired:       b.expired,
	}
	b.mu.Unlock()
	s.SharedSubscriptions = b.shares.members()
	s.Subscriptions = b.subscriptions.Len() + s.SharedSubscriptions
	s.Retained = b.retained.Len()
	s.QueuedMemory = b.budget.Used()
	s.Drops = dropsOf(b.budget.Drops())
	s.Dropped = s.Drops.QueueFull + s.Drops.MemoryFull
	s.Refused = b.refused.Load()
	s.RetainedBytes = b.retained.Bytes()
	s.Accepted = b.accepted.Load()
	if b.journal != nil {
		if err := b.journal.Trouble(); err != nil {
			s.Trouble = err.Error()
		}
	}
	s.NotRetained = b.unretained.Load()
	s.NotAuthorized = b.denied.Load()
	for i := range b.tallies {
		b.tallies[i].received.addTo(&s.Received)
		b.tallies[i].sent.addTo(&s.Sent)
	}
	return s
}
