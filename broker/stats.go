package broker

import "time"

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
	Refused       uint64    // connections beyond MaximumConnections
	MostConnected int       // sessions with a connection, at once
	Expired       uint64    // sessions whose Session Expiry Interval has passed

	// Dropped is how many messages had no room in a session: each counts for each
	// receiver that did not get it.
	Dropped uint64

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

// Stats counts. The figures are not of exactly the same moment.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	s := Stats{
		Connections:   len(b.conns),
		Sessions:      len(b.clients),
		Connected:     b.connected,
		Since:         b.began,
		Refused:       b.turned,
		MostConnected: b.mostConnected,
		Expired:       b.expired,
	}
	b.mu.Unlock()
	s.SharedSubscriptions = b.shares.members()
	s.Subscriptions = b.subscriptions.Len() + s.SharedSubscriptions
	s.Retained = b.retained.Len()
	s.RetainedBytes = b.retained.Bytes()
	s.Accepted = b.accepted.Load()
	s.Dropped = b.dropped.Load()
	s.NotRetained = b.unretained.Load()
	s.NotAuthorized = b.denied.Load()
	for i := range b.tallies {
		b.tallies[i].received.addTo(&s.Received)
		b.tallies[i].sent.addTo(&s.Sent)
	}
	return s
}
