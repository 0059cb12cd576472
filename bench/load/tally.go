package load

// Tally is what is wrong with what has come.
type Tally struct {
	Lost       uint64
	Duplicated uint64
	Reordered  uint64 // messages that came behind a later one
	Foreign    uint64 // messages that this run has not published
}

func (t *Tally) add(o Tally) {
	t.Lost += o.Lost
	t.Duplicated += o.Duplicated
	t.Reordered += o.Reordered
	t.Foreign += o.Foreign
}

// series is what one receiver has got of one publisher.
type series struct {
	next    uint32
	missing map[uint32]struct{}
	tally   Tally
}

// mostMissing bounds the numbers that a series remembers. What is missing beyond
// that and comes late counts as lost and duplicated.
const mostMissing = 1 << 16

// note takes the next message that has come. Settled are the messages up to it that
// nobody has to wait for any more, lost ones included. It is fresh if it has not come
// before.
func (s *series) note(sequence uint32) (settled uint32, fresh bool) {
	ahead := sequence - s.next
	switch {
	case ahead == 0:
		s.next++
		return 1, true
	case ahead < 1<<31:
		s.skip(sequence)
		s.next = sequence + 1
		return ahead + 1, true
	}
	return 0, s.late(sequence)
}

func (s *series) skip(to uint32) {
	s.tally.Lost += uint64(to - s.next)
	if s.missing == nil {
		s.missing = make(map[uint32]struct{})
	}
	for ; s.next != to && len(s.missing) < mostMissing; s.next++ {
		s.missing[s.next] = struct{}{}
	}
}

func (s *series) late(sequence uint32) (fresh bool) {
	if _, ok := s.missing[sequence]; !ok {
		s.tally.Duplicated++
		return false
	}
	delete(s.missing, sequence)
	s.tally.Lost--
	s.tally.Reordered++
	return true
}

// end counts what is missing behind the last one that came, of sent in all.
func (s *series) end(sent uint64) Tally {
	t := s.tally
	if behind := int32(uint32(sent) - s.next); behind > 0 {
		t.Lost += uint64(behind)
	}
	return t
}
