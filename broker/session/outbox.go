package session

import (
	"sync"

	"github.com/fletchmq/fletch/packets/flow"
)

// Outbox is what one session has still to send, section 4.1: messages that wait,
// and exchanges under way. Those who publish push messages, a Line takes them
// out. Messages leave in the order in which they came: one that waits for the
// peer's Receive Maximum holds up those behind it. While no line is attached,
// only messages at QoS 1 and 2 are kept [MQTT3-3.1.2-5].
//
// No method waits for a peer.
type Outbox struct {
	budget *Budget

	mu        sync.Mutex
	line      *Line // attached
	sender    flow.Sender[*entry]
	queue     queue
	replays   *replays // nil while no retained messages are to come
	bytes     int      // that queue costs
	inFlight  int      // bytes that what is in sender costs
	vault     *vault   // nil unless the session is stored
	drops     *Drops   // nil if there are none
	crowd     *crowd   // nil unless somebody waits, or has waited in vain
	counted   int      // bytes that budget knows of
	at        uint8    // of budget
	expected  bool     // the next line is about to attach
	withheld  bool     // PUBREL from the next line
	ended     bool
	expanding bool // retained messages are being looked up: the rest waits
}

// NewOutbox is the Outbox of a new session, until End.
func NewOutbox(b *Budget) *Outbox {
	b.outboxes.Add(1)
	return &Outbox{budget: b, at: b.place()}
}

// unlock counts what the method that ends has taken or given back.
func (o *Outbox) unlock() {
	if n := o.taken(); n != 0 {
		o.budget.add(o.at, n)
	}
	o.relieve()
	o.mu.Unlock()
}

// unlockIn is unlock in a turn.
func (o *Outbox) unlockIn(t *Turn) {
	if n := o.taken(); n != 0 {
		t.charge(o.budget, n)
	}
	o.relieve()
	o.mu.Unlock()
}

// taken is how many bytes there are more than the budget knows of.
func (o *Outbox) taken() int {
	n := o.queue.len() + o.sender.InFlight()
	if r := o.replays; r != nil {
		if n += r.front.len(); r.front.len() == 0 && r.places() == 0 {
			o.replays = nil
		}
	}
	n = max(n-freePlaces, 0) * placeMemory
	if o.vault != nil {
		n += (o.vault.begun.len() + o.vault.waiting.len()) * refMemory
	}
	n, o.counted = n-o.counted, n
	return n
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
	defer o.unlock()
	if o.expected = false; o.line == nil {
		o.detach()
	}
}

// detach leaves the client without a connection.
func (o *Outbox) detach() {
	o.line = nil
	if o.ended {
		for _, x := range o.discardWaiting(nil) {
			o.drop(&x.Kept)
		}
		o.discard()
		return
	}
	if o.vault != nil {
		o.spill()
	}
	if !o.expected {
		if o.replays != nil {
			o.replays.front.filter(o.outlives)
		}
		o.queue.filter(o.outlives)
	}
	o.sender.Trim()
}

// outlives reports whether e waits for the next connection, and releases it if
// it does not.
func (o *Outbox) outlives(e *entry) bool {
	switch {
	case e.place != nil:
		return o.replays.outlives(e.place)
	case e.QoS > 0:
		return true
	}
	o.bytes -= e.cost
	e.message.Release()
	return false
}

// End is the end of the session: all messages are released, but those that a
// line flushes when that is done, and those of shared subscriptions that another
// member is to get. The caller releases these.
func (o *Outbox) End() (orphans []Orphan) {
	o.mu.Lock()
	defer o.unlock()
	if !o.ended {
		o.ended = true
		o.budget.outboxes.Add(-1)
	}
	if o.line != nil {
		return nil
	}
	for x := range o.sender.All() {
		if x.State == flow.AwaitPuback { // [MQTT-4.8.2-5]
			orphans = x.M.orphan(orphans)
		}
	}
	for e := range o.queue.all() {
		orphans = e.orphan(orphans)
	}
	orphans = o.discardWaiting(orphans)
	o.discard()
	return orphans
}

// Strays takes out what waits from these groups, while nobody is there or about
// to be. The caller releases the messages.
func (o *Outbox) Strays(groups map[Group]bool) (orphans []Orphan) {
	o.mu.Lock()
	defer o.unlock()
	if o.line != nil || o.expected {
		return nil
	}
	o.queue.filter(func(e *entry) bool {
		if !groups[e.Group] || o.vault.holds(&e.Terms) {
			return true
		}
		o.bytes -= e.cost
		orphans = append(orphans, Orphan{e.message, e.Group, e.Kept})
		return false
	})
	return o.strayWaiting(groups, orphans)
}

func (e *entry) orphan(all []Orphan) []Orphan {
	if e.Group == nil {
		return all
	}
	e.message.Retain()
	all = append(all, Orphan{e.message, e.Group, e.Kept})
	e.Kept = Kept{} // the caller's
	return all
}

// clear releases and drops all messages of q.
func (o *Outbox) clear(q *queue) {
	for e := range q.all() {
		o.drop(&e.Kept)
	}
	q.clear()
}

func (o *Outbox) discard() {
	if o.replays != nil {
		o.clear(&o.replays.front)
		for _, p := range o.replays.wanted {
			o.replays.forget(p)
		}
		o.replays = nil
	}
	o.clear(&o.queue)
	for x := range o.sender.Reset() {
		if x.State == flow.AwaitPubcomp && o.vault != nil {
			o.vault.completed(x.ID)
		}
		o.settled(x.M)
	}
	o.bytes = 0
}

// begin gives e, which is sent, an exchange.
func (o *Outbox) begin(e entry) flow.OutID {
	x := sent.Get().(*entry)
	*x = e
	o.inFlight += e.cost
	e.message.Retain()
	if e.Kept.Sequence != 0 {
		o.sender.BeginAs(e.QoS, flow.OutID(e.Kept.PacketID), x) // sendable has asked
		return flow.OutID(e.Kept.PacketID)
	}
	id, _ := o.sender.Begin(e.QoS, x)
	return id
}

// settled lets go of a message whose exchange needs it no more, or of none.
func (o *Outbox) settled(e *entry) {
	if e != nil {
		o.drop(&e.Kept)
		o.inFlight -= e.cost
		e.message.Release()
		*e = entry{}
		sent.Put(e)
	}
}

// Figures are what an Outbox has at one moment.
type Figures struct {
	Messages int // that wait to be sent
	Bytes    int // that they count
	InFlight int // messages at QoS 1 and 2 that are sent and not acknowledged
	Drops    Drops
}

// Figures counts.
func (o *Outbox) Figures() Figures {
	o.mu.Lock()
	defer o.mu.Unlock()
	f := Figures{Messages: o.messages(), Bytes: o.bytes, InFlight: o.sender.InFlight()}
	if o.replays != nil {
		f.Messages += o.replays.front.len()
	}
	if o.vault != nil {
		f.InFlight += o.vault.begun.len()
	}
	if o.drops != nil {
		f.Drops = *o.drops
	}
	return f
}

// Attached reports whether the client is there, or about to be.
func (o *Outbox) Attached() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.present()
}

// Load is how many messages wait or are not acknowledged.
func (o *Outbox) Load() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.queue.len() + o.sender.InFlight()
	if o.vault != nil {
		n += o.vault.begun.len() + o.vault.waiting.len()
	}
	return n
}
