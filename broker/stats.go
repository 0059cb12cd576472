package broker

// Stats is what a broker has at one moment.
type Stats struct {
	Connections   int // those that have not sent CONNECT included
	Sessions      int // with a connection or without
	Subscriptions int // shared ones included
	Retained      int // messages

	// Dropped is how many messages had no room in a session since New: each counts
	// for each receiver that did not get it.
	Dropped uint64
}

// Stats counts. The figures are not of exactly the same moment.
func (b *Broker) Stats() Stats {
	b.mu.Lock()
	s := Stats{Connections: len(b.conns), Sessions: len(b.clients)}
	b.mu.Unlock()
	s.Subscriptions = b.subscriptions.Len() + b.shares.members()
	s.Retained = b.retained.Len()
	s.Dropped = b.dropped.Load()
	return s
}
