package main

import (
	"slices"

	"github.com/fletchmq/fletch/packets"
)

// subscribing: a SUBSCRIBE is about to be written for the first time. A receiver
// must not have another filter that matches the same topics.
func (l *ledger) subscribing(client, filter string, qos packets.QoS) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.receiver(client)
	r.interests = append(r.interests, &interest{filter: filter, qos: qos, asked: l.now()})
}

// subscribed: its SUBACK has come.
func (l *ledger) subscribed(client, filter string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receiver(client).current(filter).granted = l.now()
}

// leaving: an UNSUBSCRIBE will be written, once all that must come has come. Section
// 3.10.4 lets the broker drop at UNSUBACK what it has not begun to send.
func (l *ledger) leaving(client, filter string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.receiver(client)
	r.current(filter).leaving = l.now()
	r.owed = 0
	for topic, s := range l.streams {
		for i := range s.messages {
			if r.requires(topic, &s.messages[i]) && !r.inbox(topic).has(i+1) {
				r.owed++
			}
		}
	}
}

// unsubscribed: its UNSUBACK has come.
func (l *ledger) unsubscribed(client, filter string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receiver(client).current(filter).gone = l.now()
}

// backlog is how many messages must still come to the receiver that has to get the
// most.
func (l *ledger) backlog() (most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.receivers {
		most = max(most, r.owed)
	}
	return most
}

// has reports whether a message has come.
func (l *ledger) has(client, topic string, number int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.receiver(client).inbox(topic).has(number)
}

// counts are messages acknowledged, and deliveries.
func (l *ledger) counts() (taken, arrived, repeated int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.taken, l.arrived, l.repeated
}

// missing reports whether something must still come to one receiver, or to any if
// client is empty.
func (l *ledger) missing(client string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lacks(client, func(*receiver, string, string, int) {})
}

// lost breaks the rule for each message that must still come, if it has not by now.
func (l *ledger) lost(client string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lacks(client, func(r *receiver, name, topic string, number int) {
		l.breaks("lost", name, "%s", l.entry(r, topic, number))
	})
}

// lacks calls f for the first message of each stream that must still come.
func (l *ledger) lacks(client string, f func(r *receiver, name, topic string, number int)) (some bool) {
	for name, r := range l.receivers {
		if client != "" && client != name {
			continue
		}
		for topic, s := range l.streams {
			if number := r.firstMissing(topic, s); number != 0 {
				f(r, name, topic, number)
				some = true
			}
		}
	}
	return some
}

func (l *ledger) receiver(client string) *receiver {
	r := l.receivers[client]
	if r == nil {
		r = &receiver{inboxes: map[string]*inbox{}}
		l.receivers[client] = r
	}
	return r
}

// current is the last subscription to filter.
func (r *receiver) current(filter string) (last *interest) {
	for _, in := range r.interests {
		if in.filter == filter {
			last = in
		}
	}
	return last
}

// requires reports whether m has to come to r.
func (r *receiver) requires(topic string, m *message) bool {
	if m.taken == 0 {
		return false
	}
	for _, in := range r.interests {
		if in.covers(m) && (in.leaving == 0 || m.done != 0 && m.done < in.leaving) && packets.MatchTopic(in.filter, topic) {
			return true
		}
	}
	return false
}

// covers reports whether the subscription was acknowledged when m was sent.
func (in *interest) covers(m *message) bool { return in.granted != 0 && in.granted < m.sent }

// interestIn is the last subscription for which m may have come, or nil.
func (r *receiver) interestIn(topic string, m *message) *interest {
	for _, in := range slices.Backward(r.interests) {
		asked := m.done == 0 || in.asked < m.done
		if asked && (in.gone == 0 || m.sent < in.gone) && packets.MatchTopic(in.filter, topic) {
			return in
		}
	}
	return nil
}

// firstMissing is the lowest number that must still come, or 0.
func (r *receiver) firstMissing(topic string, s *stream) int {
	box := r.inbox(topic)
	settling := true
	for i := box.settled; i < len(s.messages); i++ {
		m := &s.messages[i]
		if r.requires(topic, m) && !box.has(i+1) {
			return i + 1
		}
		if settling = settling && m.done != 0; settling {
			box.settled = i + 1
		}
	}
	return 0
}

func (r *receiver) inbox(topic string) *inbox {
	box := r.inboxes[topic]
	if box == nil {
		box = new(inbox)
		r.inboxes[topic] = box
	}
	return box
}

func (b *inbox) has(number int) bool { return number < len(b.seen) && b.seen[number] }

func (b *inbox) add(number int) {
	for len(b.seen) <= number {
		b.seen = append(b.seen, false)
	}
	b.seen[number] = true
	b.newest = max(b.newest, number)
}
