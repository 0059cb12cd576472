package broker

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// Session is what a broker knows of one at a moment.
type Session struct {
	ClientID      string
	Expiry        time.Duration // Session Expiry Interval as granted; 1<<32 - 1 seconds are for ever
	Subscriptions []string      // topic filters, sorted, those of shared subscriptions too

	// Of its connection, zero without one.
	Version    packets.Version
	RemoteAddr net.Addr
	Connected  time.Time

	Ends time.Time // while there is no connection, zero if never

	Queued      int   // messages that wait to be sent
	QueuedBytes int   // as MaximumQueuedBytes counts them
	InFlight    int   // messages at QoS 1 and 2 that are sent and not acknowledged
	Drops       Drops // messages that it did not get
}

// Sessions are those that there are when the loop begins, in no order, but for
// those that end before their turn has come. Each is as it is at its turn; the
// broker goes on meanwhile.
func (b *Broker) Sessions() iter.Seq[Session] {
	return func(yield func(Session) bool) {
		for _, cl := range b.allClients() {
			if s, ok := b.sessionOf(cl); ok && !yield(s) {
				return
			}
		}
	}
}

func (b *Broker) allClients() []*client {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.AppendSeq(make([]*client, 0, len(b.clients)), maps.Values(b.clients))
}

// sessionOf is false when the session of cl has ended.
func (b *Broker) sessionOf(cl *client) (Session, bool) {
	s := Session{ClientID: cl.id}
	b.mu.Lock()
	if b.clients[cl.id] != cl {
		b.mu.Unlock()
		return s, false
	}
	s.Expiry = time.Duration(cl.expiry) * time.Second
	if cl.absence != nil {
		s.Ends = cl.absence.until
	}
	if c := cl.conn; c != nil {
		s.Version, s.RemoteAddr, s.Connected = c.version, c.link.remoteAddr(), c.start()
	}
	b.mu.Unlock()
	cl.mu.Lock()
	s.Subscriptions = slices.AppendSeq(make([]string, 0, cl.filters.len()), cl.filters.all())
	cl.mu.Unlock()
	slices.Sort(s.Subscriptions)
	f := cl.out.Figures()
	s.Queued, s.QueuedBytes, s.InFlight, s.Drops = f.Messages, f.Bytes, f.InFlight, dropsOf(f.Drops)
	return s, true
}

// ErrNoClient is what Disconnect and EndSession return for a client identifier
// that has no connection, or no session.
var ErrNoClient = errors.New("broker: no such client")

// Disconnect ends the connection of a client with that Reason Code, which a
// client of 5.0 gets in DISCONNECT, section 3.14.2.1. The session goes on, as
// after any other end: the will is published, messages wait. It does not wait
// for the end. The error is [ErrNoClient], or that reason is not one of 0x80 or
// more that a server may send in DISCONNECT.
func (b *Broker) Disconnect(clientID string, reason packets.ReasonCode) error {
	if reason < packets.UnspecifiedError || !reason.SentBy(packets.TypeDisconnect, packets.Server) {
		return fmt.Errorf("broker: reason 0x%02X %s: expected one of 0x80 or more that a server may send in DISCONNECT", byte(reason), reason)
	}
	b.mu.Lock()
	cl := b.clients[clientID]
	b.mu.Unlock()
	if cl == nil || !b.kill(cl, &ending{reason, "ended by Disconnect of the program"}) {
		return fmt.Errorf("%w: %q has no connection", ErrNoClient, clientID)
	}
	return nil
}

// EndSession ends the session of a client: what waits for it is lost, and its
// will is published. If it has a connection, that ends first, with Reason Code
// 0x98, Administrative action; EndSession does not wait for this. The error is
// [ErrNoClient].
func (b *Broker) EndSession(clientID string) error {
	b.mu.Lock()
	cl := b.clients[clientID]
	switch {
	case cl == nil:
		b.mu.Unlock()
		return fmt.Errorf("%w: %q has no session", ErrNoClient, clientID)
	case cl.conn != nil:
		c := cl.conn
		cl.expiry = 0
		b.mu.Unlock()
		c.kill(errEnded)
		return nil
	}
	delete(b.clients, clientID)
	b.mu.Unlock()
	t := begin()
	defer t.end()
	b.endSession(cl, t)
	return nil
}

// changeExpiry is false where a session that would end with its connection is not
// to any more.
func (b *Broker) changeExpiry(cl *client, expiry uint32) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if expiry > 0 && cl.expiry == 0 {
		return false
	}
	cl.expiry = b.grant(expiry)
	return true
}

// has reports whether the session of cl has not ended.
func (b *Broker) has(cl *client) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clients[cl.id] == cl
}

// kill ends the connection of cl, and reports whether it has one.
func (b *Broker) kill(cl *client, cause error) bool {
	b.mu.Lock()
	c := cl.conn
	b.mu.Unlock()
	if c != nil {
		c.kill(cause)
	}
	return c != nil
}
