package main

import "slices"

// retained: a fresh subscriber to all of these topics was sent these retained
// messages, by topic and number, and nothing else.
func (l *ledger) retained(client string, topics []string, got map[string]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, topic := range topics {
		if number, some := got[topic]; !l.mayBeRetained(topic, number, some) {
			l.breaks("retained", client, "%s: got %v, number %d; acknowledged last: %s",
				topic, some, number, l.entry(nil, topic, l.lastTaken(topic)))
		}
	}
}

// lacksRetained reports whether a topic must have a retained message that is not in
// got.
func (l *ledger) lacksRetained(topics []string, got map[string]int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(topics, func(topic string) bool {
		_, some := got[topic]
		return !some && !l.mayBeRetained(topic, 0, false)
	})
}

// mayBeRetained: the one acknowledged last, or any after it; none if that one clears,
// or there is none.
func (l *ledger) mayBeRetained(topic string, number int, some bool) bool {
	s, from := l.streams[topic], l.lastTaken(topic)
	switch {
	case s == nil:
		return !some
	case some:
		return number >= max(from, 1) && number <= len(s.messages) && !s.messages[number-1].clear
	}
	return from == 0 || slices.ContainsFunc(s.messages[from-1:], func(m message) bool { return m.clear })
}

// lastTaken is the highest number that is acknowledged, or 0.
func (l *ledger) lastTaken(topic string) int {
	s := l.streams[topic]
	if s == nil {
		return 0
	}
	for i, m := range slices.Backward(s.messages) {
		if m.taken != 0 {
			return i + 1
		}
	}
	return 0
}
