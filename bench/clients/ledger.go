//go:build linux

package main

import "encoding/binary"

// stamp is how a payload begins: the number of its publisher, in 4 bytes, and how many
// messages that had published before, in 8.
type stamp [12]byte

// source is a publisher: the payloads it publishes.
type source struct {
	publisher uint32
	sent      uint64
}

// fill makes b the next payload.
func (s *source) fill(b []byte) []byte {
	binary.BigEndian.PutUint32(b, s.publisher)
	binary.BigEndian.PutUint64(b[4:], s.sent)
	s.sent++
	return b
}

// ledger is what has come of what was published.
type ledger struct{ lines [window]line }

// line is what has come from one publisher.
type line struct {
	next  uint64   // one more than the highest that came
	seen  []uint64 // a bit for each
	tally tally
}

// tally is what is found in a ledger.
type tally struct {
	Messages   int64 // without duplicates
	Duplicates int64
	Overtaken  int64 // messages that came behind a later one
	Missing    int64 // before the highest that came
	Foreign    int64 // that nobody has published
}

// note takes down a message.
func (l *ledger) note(payload []byte) {
	if len(payload) < len(stamp{}) || binary.BigEndian.Uint32(payload) >= window {
		l.lines[0].tally.Foreign++
		return
	}
	l.lines[binary.BigEndian.Uint32(payload)].note(binary.BigEndian.Uint64(payload[4:]))
}

func (l *line) note(number uint64) {
	const most = 1 << 32 // of one line
	if number >= most {
		l.tally.Foreign++
		return
	}
	for number/64 >= uint64(len(l.seen)) {
		l.seen = append(l.seen, 0)
	}
	bit := uint64(1) << (number % 64)
	switch {
	case l.seen[number/64]&bit != 0:
		l.tally.Duplicates++
		return
	case number < l.next:
		l.tally.Overtaken++
	default:
		l.next = number + 1
	}
	l.seen[number/64] |= bit
	l.tally.Messages++
}

// sum is that of all publishers.
func (l *ledger) sum() (all tally) {
	for i := range l.lines {
		one := &l.lines[i]
		all.Messages += one.tally.Messages
		all.Duplicates += one.tally.Duplicates
		all.Overtaken += one.tally.Overtaken
		all.Foreign += one.tally.Foreign
		all.Missing += int64(one.next) - one.tally.Messages
	}
	return all
}
