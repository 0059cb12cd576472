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
}

// places are those in one queue, one at most for each filter, and those that are
// empty.
type places struct {
	wanted map[string]*place
	empty  int
}

// keepEmpty is how many empty places a queue has at least before it is rid of
// them.
const keepEmpty = 64

func (s *places) len() int { return len(s.wanted) + s.empty }

// leave makes p, whose messages are wanted, an empty place.
func (s *places) leave(p *place) {
	delete(s.wanted, p.replay.Filter)
	if len(s.wanted) == 0 {
		s.wanted = nil // a map does not shrink
	}
	p.replay = nil
	s.empty++
}

// gone is for a place that is not in the queue any more.
func (s *places) gone(p *place) {
	if p.replay != nil {
		s.leave(p)
	}
	s.empty--
}

// outlives reports whether p waits for the next connection.
func (s *places) outlives(p *place) bool {
	if p.replay != nil && p.replay.QoS > 0 {
		return true
	}
	s.gone(p)
	return false
}

// Replay queues the retained messages of a subscription. They are looked up when
// their turn has come, so they need no room. What has been replaced by then, the
// subscription has brought. If those of an earlier subscription to the same
// filter still wait, they come once, as this one says.
func (o *Outbox) Replay(r Replay, t *Turn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	if p := o.places.wanted[r.Filter]; p != nil {
		p.replay = &r
		return
	}
	p := &place{&r}
	if o.places.wanted == nil {
		o.places.wanted = make(map[string]*place)
	}
	o.places.wanted[r.Filter] = p
	o.queue.push(entry{place: p})
	o.touch(t)
}

// Cancel is for a filter that is not subscribed to any more: retained messages
// that have not been looked up do not come.
func (o *Outbox) Cancel(filter string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.places.wanted[filter]; p != nil {
		o.places.leave(p)
		o.tidy()
	}
}

// tidy takes empty places out of the queue, if they are most of it.
func (o *Outbox) tidy() {
	if o.places.empty < keepEmpty || o.places.empty < o.queue.len()/2 {
		return
	}
	o.queue.filter(func(e *entry) bool { return e.place == nil || e.place.replay != nil })
	o.places.empty = 0
}

// Expand puts retained messages where r is, which a Batch has had, unless they are not wanted any more. It takes over the references. More
// are to come behind the topic name after, unless that is "".
func (o *Outbox) Expand(r *Replay, retained []*Message, after string, t *Turn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.expanding = false
	p := o.places.wanted[r.Filter]
	wanted := p != nil && p.replay == r
	for _, m := range retained {
		terms := r.Terms
		terms.QoS = min(terms.QoS, m.Publish.QoS) // [MQTT-3.8.4-8] [MQTT3-3.8.4-6]
		terms.Retain = true                       // [MQTT3-3.3.1-8]
		if !wanted || o.line == nil && !o.expected && terms.QoS == 0 {
			m.Release()
			continue
		}
		o.front.push(entry{message: m, Terms: terms})
	}
	if wanted {
		if r.After = after; after == "" {
			o.places.leave(p)
		}
	}
	o.touch(t) // it may be another line by now
}
