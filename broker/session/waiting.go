package session

// discardWaiting is the end of the session for what is not in memory.
func (o *Outbox) discardWaiting(orphans []Orphan) []Orphan {
	if o.vault == nil {
		return orphans
	}
	v := o.vault
	v.page = nil
	for _, q := range []*refs{&v.begun, &v.waiting} {
		for q.len() > 0 {
			r := q.pop()
			t := v.forget(&r)
			if t.Group != nil && !v.holds(&t) {
				orphans = append(orphans, Orphan{Group: t.Group, Kept: t.Kept})
				continue
			}
			o.drop(&t.Kept)
		}
	}
	return orphans
}

// strayWaiting is Strays for what is not in memory.
func (o *Outbox) strayWaiting(groups map[Group]bool, orphans []Orphan) []Orphan {
	if o.vault == nil || o.vault.rare == nil {
		return orphans
	}
	v := o.vault
	v.page = nil
	v.waiting.filter(func(r *ref) bool {
		if !r.has(refRare) || !groups[v.rare[r.sequence].group] {
			return true
		}
		if t := v.terms(r); v.holds(&t) {
			return true
		}
		o.bytes -= int(r.cost)
		t := v.forget(r)
		orphans = append(orphans, Orphan{Group: t.Group, Kept: t.Kept})
		return false
	})
	return orphans
}

// Expire drops the messages of these sequence numbers, unless they are in memory or
// may have been sent: those have a look at the time themselves, or go on.
func (o *Outbox) Expire(sequences map[uint64]bool) {
	o.mu.Lock()
	defer o.unlock()
	v := o.vault
	v.waiting.filter(func(r *ref) bool {
		if t := r.terms(); !sequences[r.sequence] || v.holds(&t) {
			return true
		}
		v.page = nil
		o.bytes -= int(r.cost)
		t := v.forget(r)
		o.drop(&t.Kept)
		o.lose(Expired, 1)
		return false
	})
}
