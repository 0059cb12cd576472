package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fletchmq/fletch/packets"
)

// describe is entry, for who has not the ledger.
func (l *ledger) describe(client, topic string, number int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entry(l.receivers[client], topic, number)
}

// entry is all that is known of a message, and of it and a receiver.
func (l *ledger) entry(r *receiver, topic string, number int) string {
	s := l.streams[topic]
	if s == nil || number == 0 {
		return "no message of " + topic
	}
	m := s.messages[number-1]
	var b strings.Builder
	fmt.Fprintf(&b, "%s number %d of %d at QoS %d: sent %v, acknowledged %v, complete %v", topic, number, len(s.messages), s.qos, m.sent, m.taken, m.done)
	if p := l.sessions[s.publisher]; p != nil {
		fmt.Fprintf(&b, "; %s last connected %v", s.publisher, p.connected)
	}
	since := slices.DeleteFunc(slices.Clone(l.lives), func(x life) bool { return x.killed != 0 && x.killed < m.sent })
	for _, x := range since[:min(len(since), 3)] {
		fmt.Fprintf(&b, "; broker up %v, killed %v", x.up, x.killed)
	}
	if r == nil {
		return b.String()
	}
	for _, in := range r.interests {
		if packets.MatchTopic(in.filter, topic) {
			fmt.Fprintf(&b, "; %s at QoS %d: asked %v, granted %v, leaving %v, gone %v", in.filter, in.qos, in.asked, in.granted, in.leaving, in.gone)
		}
	}
	box := r.inbox(topic)
	fmt.Fprintf(&b, "; it has come: %v, newest %d; now %v", box.has(number), box.newest, l.last)
	return b.String()
}

// others are the violations after the first, as lines.
func (l *ledger) others() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, v := range l.broken[min(1, len(l.broken)):] {
		fmt.Fprintf(&b, "\nalso: %v", v)
	}
	return b.String()
}
