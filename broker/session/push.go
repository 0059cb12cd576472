package session

import "github.com/fletchmq/fletch/packets"

// Pushed is what became of a message that was pushed.
type Pushed uint8

// The ways of a message.
const (
	Queued   Pushed = iota // it will be sent
	Crowded                // so it will, and who publishes should Await
	Dropped                // no room: QoS 0, or the client is absent
	Overflow               // no room for QoS 1 or 2, and the client is there
	Gone                   // QoS 0 and the client is absent, or the session has ended
)

// Loss is what a Push has dropped: the message that was pushed, or with
// Limits.DropOldest others. The zero Loss is nothing.
type Loss struct {
	Reason Reason
	N      uint64 // messages
	Total  uint64 // that the Outbox has ever dropped for that Reason
}

// Push queues m, with a reference of its own.
func (o *Outbox) Push(m *Message, terms Terms, t *Turn) (p Pushed, lost Loss) {
	o.mu.Lock()
	defer o.unlockIn(t)
	cost := m.Cost()
	why, full := o.full(cost)
	switch {
	case o.deaf(terms.QoS):
		if o.ended && terms.Group == nil { // or it is dropped when another member has it
			o.drop(&terms.Kept)
		}
		return Gone, lost
	case !full || t.Admitted:
	case o.budget.limits.DropOldest:
		n, room := o.evict(cost, terms.QoS)
		if !room {
			o.drop(&terms.Kept)
			return Dropped, o.lose(why, n+1)
		}
		lost = o.lose(why, n)
	case terms.QoS > 0 && o.present():
		o.drop(&terms.Kept)
		return Overflow, o.lose(why, 1)
	default:
		o.drop(&terms.Kept)
		return Dropped, o.lose(why, 1)
	}
	if t.Sole && o.sendAtOnce(m, &terms, cost, t) {
		return Queued, lost
	}
	if terms.Kept.Sequence != 0 && o.leaves() {
		o.vault.leave(&o.vault.waiting, &terms, cost)
	} else {
		m.Retain()
		m.charge(o.budget, t)
		o.queue.push(entry{message: m, cost: cost, Terms: terms})
	}
	o.bytes += cost
	if o.sendable(o.next().first()) || o.queue.len() == 0 {
		o.touch(t)
	}
	if o.budget.limits.PushBack && o.crowded() {
		return Crowded, lost
	}
	return Queued, lost
}

// HasRoom reports whether a Push of m at that QoS would lose no message at QoS 1 or
// 2 for want of room. Others may be faster.
func (o *Outbox) HasRoom(m *Message, qos packets.QoS) bool {
	if qos == 0 {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	_, full := o.full(m.Cost())
	return !full || o.deaf(qos)
}

// present reports whether the client is there, or about to be.
func (o *Outbox) present() bool { return o.line != nil && !o.line.closed || o.expected }

// deaf reports whether what is pushed at that QoS is for nobody.
func (o *Outbox) deaf(qos packets.QoS) bool {
	return o.ended || o.line != nil && o.line.closed || qos == 0 && o.line == nil && !o.expected
}

// full reports whether there is no room for a message, and for which limit. One
// message has room always.
func (o *Outbox) full(cost int) (Reason, bool) {
	switch {
	case o.bytes == 0:
		return 0, false
	case o.overfull(cost):
		return QueueFull, true
	}
	return MemoryFull, !o.budget.allows(o.bytes)
}

func (o *Outbox) overfull(cost int) bool {
	l := &o.budget.limits
	return o.bytes > 0 && (o.bytes+cost > l.Bytes || o.messages() >= l.Messages)
}

// messages is how many wait, without retained ones.
func (o *Outbox) messages() int {
	n := o.queue.len()
	if o.replays != nil {
		n -= o.replays.places()
	}
	if o.vault != nil {
		n += o.vault.waiting.len()
	}
	return n
}

// evict drops what has waited longest, for a message that costs so much. A message
// at QoS 0 drops none at QoS 1 or 2, and nothing is dropped that is behind
// retained messages which are still to come.
func (o *Outbox) evict(cost int, qos packets.QoS) (n uint64, room bool) {
	for freed := 0; o.overfull(cost) || freed < cost && !o.budget.allows(o.bytes); n++ {
		e := o.oldest()
		if e == nil && o.queue.len() == 0 && qos > 0 && o.vault != nil && o.vault.waiting.len() > 0 {
			freed += o.evictWaiting()
			continue
		}
		if e == nil || e.QoS > 0 && qos == 0 {
			return n, false
		}
		o.bytes -= e.cost
		freed += e.cost
		o.drop(&e.Kept)
		o.queue.pop().message.Release()
	}
	return n, true
}

// evictWaiting drops the first message that is not in memory, and gives its bytes.
func (o *Outbox) evictWaiting() int {
	v := o.vault
	v.page = nil
	r := v.waiting.pop()
	v.forget(&r)
	k := r.kept()
	o.drop(&k)
	o.bytes -= int(r.cost)
	return int(r.cost)
}

// oldest is the message at the front of the queue, or nil.
func (o *Outbox) oldest() *entry {
	for e := o.queue.first(); e != nil; e = o.queue.first() {
		switch {
		case e.Kept.Sent:
			return nil // it has to be carried to its end
		case e.place == nil:
			return e
		case e.place.replay != nil:
			return nil
		}
		o.replays.gone(o.queue.pop().place)
	}
	return nil
}

// lose counts n messages that are dropped.
func (o *Outbox) lose(r Reason, n uint64) Loss {
	if o.drops == nil {
		o.drops = new(Drops)
	}
	o.drops[r] += n
	o.budget.drops[r].Add(n)
	return Loss{r, n, o.drops[r]}
}
