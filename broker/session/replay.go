package session

// Replay asks for the retained messages that match a new subscription.
type Replay struct {
	Filter string
	Terms         // QoS is that granted
	Until  uint64 // Sequence of the last that was there when it was made
	After  string // topic name behind which to go on, "" at first
}

// place is where retained messages go in a queue.
type place struct {
	replay *Replay // nil if they are not wanted any more, or have all come
	last   Replay  // to the same filter, and to come after it
	more   int     // how many times, for as many subscriptions
}

// again makes the next replay that of p, if there is one.
func (p *place) again() bool {
	if p.more == 0 {
		return false
	}
	p.more--
	next := p.last
	p.replay = &next
	return true
}

// replays are the retained messages that are to come.
type replays struct {
	vault  *vault            // where what is at QoS 1 and 2 is stored, nil if it is not
	front  queue             // that have been looked up, before all others
	wanted map[string]*place // that are in the queue, one at most for each filter
	empty  int               // places that are in the queue for nothing
}

// keepEmpty is how many empty places a queue has at least before it is rid of
// them.
const keepEmpty = 64

// places is how many are in the queue.
func (s *replays) places() int { return len(s.wanted) + s.empty }

// leave makes p, whose messages are wanted, an empty place.
func (s *replays) leave(p *place) {
	s.forget(p)
	delete(s.wanted, p.replay.Filter)
	if len(s.wanted) == 0 {
		s.wanted = nil // a map does not shrink
	}
	p.replay = nil
	s.empty++
}

// forget takes what is stored of p out of the store.
func (s *replays) forget(p *place) {
	s.vault.endReplay(p.replay)
	if p.more > 0 {
		s.vault.endReplay(&p.last)
	}
}

// gone is for a place that is not in the queue any more.
func (s *replays) gone(p *place) {
	if p.replay != nil {
		s.leave(p)
	}
	s.empty--
}

// outlives reports whether p waits for the next connection.
func (s *replays) outlives(p *place) bool {
	if p.replay != nil && (p.replay.QoS > 0 || p.again() && p.replay.QoS > 0) {
		return true
	}
	s.gone(p)
	return false
}

// Replay queues the retained messages of a subscription. They are looked up when
// their turn has come, so they need no room. What has been replaced by then, the
// subscription has brought. If those of earlier subscriptions to the same filter
// still wait, they come once for each of them [MQTT-3.8.4-4] [MQTT3-3.8.4-3],
// all but those under way as this one says.
func (o *Outbox) Replay(r Replay, t *Turn) {
	o.mu.Lock()
	defer o.unlockIn(t)
	if o.ended {
		return
	}
	if o.replays == nil {
		o.replays = &replays{vault: o.vault}
	}
	o.vault.storeReplay(&r)
	if p := o.replays.wanted[r.Filter]; p != nil {
		if p.replay.Until == 0 { // there is nothing that it brings
			p.replay = &r
			return
		}
		p.last = r
		p.more++
		return
	}
	p := &place{replay: &r}
	if o.replays.wanted == nil {
		o.replays.wanted = make(map[string]*place)
	}
	o.replays.wanted[r.Filter] = p
	o.queue.push(entry{place: p})
	o.touch(t)
}

// Cancel is for a filter that is not subscribed to any more: retained messages
// that have not been looked up do not come.
func (o *Outbox) Cancel(filter string) {
	o.mu.Lock()
	defer o.unlock()
	if o.replays == nil {
		return
	}
	if p := o.replays.wanted[filter]; p != nil {
		o.replays.leave(p)
		o.tidy()
	}
}

// tidy takes empty places out of the queue, if they are most of it.
func (o *Outbox) tidy() {
	if o.replays.empty < keepEmpty || o.replays.empty < o.queue.len()/2 {
		return
	}
	o.queue.filter(func(e *entry) bool { return e.place == nil || e.place.replay != nil })
	o.replays.empty = 0
}

// Expand puts retained messages where r is, which a Batch has had, unless they are
// not wanted any more. It takes over the references. Those at QoS 1 and 2 are kept
// there, if the session is stored; if not, kept is nil. More are to come behind the
// topic name after, unless that is "".
func (o *Outbox) Expand(r *Replay, retained []*Message, kept []Kept, after string, t *Turn) {
	o.mu.Lock()
	defer o.unlockIn(t)
	o.expanding = false
	var p *place
	if o.replays != nil {
		p = o.replays.wanted[r.Filter]
	}
	wanted := p != nil && p.replay == r
	for i, m := range retained {
		terms := r.Terms
		if kept != nil {
			terms.Kept = kept[i]
		}
		terms.QoS = min(terms.QoS, m.Publish.QoS) // [MQTT-3.8.4-8] [MQTT3-3.8.4-6]
		terms.Retain = true                       // [MQTT3-3.3.1-8]
		switch {
		case !wanted, o.line == nil && !o.expected && terms.QoS == 0:
			o.drop(&terms.Kept)
			m.Release()
			continue
		case o.line == nil && terms.Kept.Sequence != 0:
			o.vault.leave(&o.vault.waiting, &terms, m.Cost())
			o.bytes += m.Cost()
			m.Release()
			continue
		}
		m.charge(o.budget, t)
		o.replays.front.push(entry{message: m, Terms: terms})
	}
	if wanted {
		switch r.After = after; {
		case after != "":
		case p.again():
			o.vault.endReplay(r)
			o.vault.storeReplay(p.replay)
		default:
			o.replays.leave(p)
		}
	}
	o.touch(t) // it may be another line by now
}
