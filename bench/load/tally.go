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
// that and comes late counts as duplicated.
const mostMissing = 1 << 16

func (s *series) note(sequence uint32) {
	switch ahead := int32(sequence - s.next); {
	case ahead == 0:
		s.next++
	case ahead > 0:
		s.skip(sequence)
		s.next = sequence + 1
	default:
		s.late(sequence)
	}
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

func (s *series) late(sequence uint32) {
	if _, ok := s.missing[sequence]; !ok {
		s.tally.Duplicated++
		return
	}
	delete(s.missing, sequence)
	s.tally.Lost--
	s.tally.Reordered++
}

// end counts what is missing behind the last one that came, of sent in all.
func (s *series) end(sent uint32) Tally {
	t := s.tally
	if behind := int32(sent - s.next); behind > 0 {
		t.Lost += uint64(behind)
	}
	return t
}
