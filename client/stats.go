package client

// Stats is what a Client has done so far.
type Stats struct {
	Sent     uint64 // PUBLISH packets, those that were sent again included
	Received uint64 // PUBLISH packets
	Missed   uint64 // messages at QoS 0 that came while 16 MiB waited to be handled
	Unasked  uint64 // responses that no Request waits for, or not any more
	Dropped  uint64 // messages that made room for others, see DropOldest
	Waiting  int    // messages to be published that are not sent
	InFlight int    // messages that are sent and not acknowledged, and SUBSCRIBE and UNSUBSCRIBE
	Unread   int    // messages not handled yet, in bytes
	Connects uint64 // connections that were accepted
}

// counts are under Client.mu.
type counts struct{ sent, received, missed, unasked, dropped, connects uint64 }

// Stats is what the Client has done so far.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Sent: c.counts.sent, Received: c.counts.received, Missed: c.counts.missed, Unasked: c.counts.unasked, Dropped: c.counts.dropped,
		Waiting: c.quick.n + c.tracked.n, InFlight: c.out.InFlight(), Unread: c.queued, Connects: c.counts.connects,
	}
}
