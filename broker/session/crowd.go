package session

import "time"

// crowd is those who do not publish on before the queue has become short.
type crowd struct {
	who   map[Owner]bool
	alarm *time.Timer // of their patience
	late  bool        // it has gone off: nobody waits until the queue has become short
}

// crowded reports whether who publishes more should wait.
func (o *Outbox) crowded() bool {
	return o.present() && (o.crowd == nil || !o.crowd.late) && (o.exceeds(2) || !o.budget.ample(o.bytes))
}

// IsCrowded reports whether who publishes more should wait.
func (o *Outbox) IsCrowded() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.crowded()
}

// exceeds reports whether more waits than one of so many parts of the limits.
func (o *Outbox) exceeds(parts int) bool {
	l := &o.budget.limits
	return o.bytes > l.Bytes/parts || o.messages() > max(l.Messages/parts, 1)
}

// Await reports whether there is something to wait for. Then who is Relieved when
// the queue is short, or the client is gone, or patience has passed. Once that has
// passed, nobody waits any more before the queue has been short; late is called
// then, if it is that of the first who has waited.
func (o *Outbox) Await(who Owner, late func(), patience time.Duration) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.crowded() {
		return false
	}
	if o.crowd == nil {
		c := &crowd{who: make(map[Owner]bool)}
		c.alarm = time.AfterFunc(patience, func() {
			if o.giveUp(c) {
				late()
			}
		})
		o.crowd = c
	}
	o.crowd.who[who] = true
	return true
}

// giveUp is for a crowd whose patience has passed.
func (o *Outbox) giveUp(c *crowd) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.crowd != c {
		return false
	}
	c.late = true
	c.leave()
	return true
}

// relieve lets the crowd go if there is room.
func (o *Outbox) relieve() {
	if c := o.crowd; c != nil && (!o.present() || o.bytes == 0 || !o.exceeds(4) && o.budget.ample(o.bytes)) {
		o.crowd = nil
		c.alarm.Stop()
		c.leave()
	}
}

func (c *crowd) leave() {
	for o := range c.who {
		o.Relieved()
	}
	c.who = nil
}

// stuck reports whether what waits cannot be sent before the peer has
// acknowledged something.
func (o *Outbox) stuck() bool {
	e := o.next().first()
	return e != nil && !o.sendable(e)
}

// MayWait reports whether the owner may stop to read the peer until others have room.
// It may not while what waits cannot be sent before the peer has acknowledged something;
// if that comes to be so later, it is Relieved.
func (l *Line) MayWait() bool {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	l.waits = !l.out.stuck()
	return l.waits
}

// mayWait is MayWait for who waits already.
func (l *Line) mayWait() {
	if l.waits && l.out.stuck() {
		l.waits = false
		l.owner.Relieved()
	}
}
