package session

import (
	"sync"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// Pushed is what became of a message that was pushed.
type Pushed uint8

// The ways of a message.
const (
	Queued   Pushed = iota // it will be sent
	Dropped                // no room: QoS 0, or the client is absent
	Overflow               // no room for QoS 1 or 2: the connection has to go
	Gone                   // QoS 0 and the client is absent, or the session has ended
)

// Limits bound what may wait in an Outbox. One message always may.
type Limits struct {
	Messages int
	Bytes    int // and as many may be sent and not acknowledged
}

// Outbox is what one session has still to send, section 4.1: messages that wait,
// and exchanges under way. Those who publish push messages, a Line takes them
// out. Messages leave in the order in which they came: one that waits for the
// peer's Receive Maximum holds up those behind it. While no line is attached,
// only messages at QoS 1 and 2 are kept [MQTT3-3.1.2-5].
//
// No method waits for a peer.
type Outbox struct {
	limits Limits

	mu        sync.Mutex
	line      *Line // attached
	expected  bool  // the next line is about to attach
	ended     bool
	sender    flow.Sender[entry]
	front     queue // retained messages, before queue
	queue     queue
	places    places // in queue, for retained messages
	expanding bool   // retained messages are being looked up: the rest waits
	bytes     int    // that queue costs
	inFlight  int    // bytes that what is in sender costs
	dropped   uint64 // messages
}

// NewOutbox is the Outbox of a new session.
func NewOutbox(l Limits) *Outbox { return &Outbox{limits: l} }

// Push queues m, with a reference of its own. When m is dropped, n is how many
// have been.
func (o *Outbox) Push(m *Message, terms Terms, t *Turn) (p Pushed, n uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	absent := o.line == nil && !o.expected
	cost := m.Cost()
	switch {
	case o.ended, o.line != nil && o.line.closed, absent && terms.QoS == 0:
		return Gone, 0
	case o.hasRoom(cost):
	case absent, terms.QoS == 0:
		o.dropped++
		return Dropped, o.dropped
	default:
		return Overflow, 0
	}
	m.Retain()
	o.bytes += cost
	o.queue.push(entry{message: m, cost: cost, Terms: terms})
	if o.sendable(o.next().first()) {
		o.touch(t)
	}
	return Queued, 0
}

func (o *Outbox) hasRoom(cost int) bool {
	return o.bytes == 0 || o.bytes+cost <= o.limits.Bytes && o.queue.len()-o.places.len() < o.limits.Messages
}

// touch is for what there may be to send now.
func (o *Outbox) touch(t *Turn) {
	if o.line != nil {
		o.line.touch(t)
	}
}

// Expect says that another connection takes over at once: until it attaches,
// messages at QoS 0 are not dropped. It comes before the Close of the line.
func (o *Outbox) Expect() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.expected = true
}

// Forsake says that nobody takes over after all.
func (o *Outbox) Forsake() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.expected = false; o.line == nil {
		o.detach()
	}
}

// detach leaves the client without a connection.
func (o *Outbox) detach() {
	o.line = nil
	if o.ended {
		o.discard()
		return
	}
	if !o.expected {
		o.front.filter(o.outlives)
		o.queue.filter(o.outlives)
	}
	o.sender.Trim()
}

// outlives reports whether e waits for the next connection, and releases it if
// it does not.
func (o *Outbox) outlives(e *entry) bool {
	switch {
	case e.place != nil:
		return o.places.outlives(e.place)
	case e.QoS > 0:
		return true
	}
	e.message.Release()
	return false
}

// End is the end of the session: all messages are released, but those that a
// line flushes when that is done, and those of shared subscriptions that another
// member is to get. The caller releases these.
func (o *Outbox) End() (orphans []Orphan) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	if o.line != nil {
		return nil
	}
	for x := range o.sender.All() {
		if x.State == flow.AwaitPuback { // [MQTT-4.8.2-5]
			orphans = x.M.orphan(orphans)
		}
	}
	for _, e := range o.queue.entries[o.queue.head:] {
		orphans = e.orphan(orphans)
	}
	o.discard()
	return orphans
}

// Strays takes out what waits from these groups, while nobody is there or about
// to be. The caller releases the messages.
func (o *Outbox) Strays(groups map[Group]bool) (orphans []Orphan) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.line != nil || o.expected {
		return nil
	}
	o.queue.filter(func(e *entry) bool {
		if !groups[e.Group] {
			return true
		}
		o.bytes -= e.cost
		orphans = append(orphans, Orphan{e.message, e.Group})
		return false
	})
	return orphans
}

func (e *entry) orphan(all []Orphan) []Orphan {
	if e.Group == nil {
		return all
	}
	e.message.Retain()
	return append(all, Orphan{e.message, e.Group})
}

func (o *Outbox) discard() {
	o.front.clear()
	o.queue.clear()
	o.places = places{}
	for x := range o.sender.Reset() {
		o.settled(x.M)
	}
	o.bytes = 0
}

// settled lets go of a message whose exchange needs it no more.
func (o *Outbox) settled(e entry) {
	if e.message != nil {
		o.inFlight -= e.cost
		e.message.Release()
	}
}

// Waiting is how many messages wait to be sent, and their bytes.
func (o *Outbox) Waiting() (messages, bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.front.len() + o.queue.len(), o.bytes
}

// Figures are what an Outbox has at one moment.
type Figures struct {
	Messages int // that wait to be sent
	Bytes    int // that they count
	InFlight int // messages at QoS 1 and 2 that are sent and not acknowledged
	Dropped  uint64
}

// Figures counts.
func (o *Outbox) Figures() Figures {
	o.mu.Lock()
	defer o.mu.Unlock()
	return Figures{
		Messages: o.front.len() + o.queue.len() - o.places.len(),
		Bytes:    o.bytes,
		InFlight: o.sender.InFlight(),
		Dropped:  o.dropped,
	}
}

// Attached reports whether the client is there, or about to be.
func (o *Outbox) Attached() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.line != nil && !o.line.closed || o.expected
}

// Load is how many messages wait or are not acknowledged.
func (o *Outbox) Load() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queue.len() + o.sender.InFlight()
}

// Puback handles the packet of that name, as do the next two.
func (o *Outbox) Puback(id flow.OutID, t *Turn) flow.Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.touch(t)
	e, outcome := o.sender.Puback(id)
	o.settled(e)
	return outcome
}

// Pubrec handles PUBREC.
func (o *Outbox) Pubrec(id flow.OutID, reason packets.ReasonCode, t *Turn) flow.Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.touch(t)
	e, outcome := o.sender.Pubrec(id, reason)
	o.settled(e)
	return outcome
}

// Pubcomp handles PUBCOMP.
func (o *Outbox) Pubcomp(id flow.OutID, t *Turn) flow.Outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.touch(t)
	_, outcome := o.sender.Pubcomp(id)
	return outcome
}
