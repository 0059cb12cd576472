package main

import (
	"time"

	"github.com/fletchmq/fletch/packets"
)

// filter is one that a subscriber subscribes to. No two of a subscriber match the
// same topic.
type filter struct {
	text       string
	qos        packets.QoS
	subscribed bool
	since      time.Time // when it became so, or ceased to be
	until      time.Duration
	leaving    bool // waits for what must come before UNSUBSCRIBE
}

// request is a SUBSCRIBE or UNSUBSCRIBE, repeated over each connection until it is
// answered.
type request struct {
	id     uint16
	filter *filter
	leave  bool
	asked  time.Time
}

// turn asks for what is next, one at a time.
func (s *subscriber) turn(l *link) {
	if s.request != nil {
		if s.gate.still(l.life) && time.Since(s.request.asked) > patience {
			s.ledger.fail(s.client, "no answer to a request for %s within %v", s.request.filter.text, patience)
		}
		return
	}
	for _, f := range s.filters {
		switch {
		case !f.subscribed && (f.since.IsZero() || time.Since(f.since) > f.until && !finished(s.finishing)):
			s.ledger.subscribing(s.account, f.text, f.qos)
			s.ask(l, &request{filter: f})
			return
		case f.leaving && !s.ledger.missing(s.account):
			s.ask(l, &request{filter: f, leave: true})
			return
		case s.restless && f.subscribed && !f.leaving && time.Since(f.since) > f.until && !finished(s.finishing):
			s.ledger.leaving(s.account, f.text)
			f.leaving = true
		}
	}
}

func (s *subscriber) ask(l *link, r *request) {
	if r.id == 0 {
		s.lastID++
		r.id = s.lastID
	}
	r.asked = time.Now()
	s.request = r
	if r.leave {
		l.add(&packets.Unsubscribe{PacketID: r.id, Filters: [][]byte{[]byte(r.filter.text)}})
	} else {
		l.add(&packets.Subscribe{PacketID: r.id, Filters: []packets.Subscription{{Filter: []byte(r.filter.text), QoS: r.filter.qos}}})
	}
	s.pending = s.lag
}

// answered: SUBACK or UNSUBACK has come.
func (s *subscriber) answered() {
	f := s.request.filter
	f.subscribed, f.leaving, f.since = !s.request.leave, false, time.Now()
	if f.subscribed {
		s.ledger.subscribed(s.account, f.text)
		f.until = time.Duration(s.rng.IntN(3000)) * time.Millisecond
	} else {
		s.ledger.unsubscribed(s.account, f.text)
		f.until = time.Duration(s.rng.IntN(300)) * time.Millisecond
	}
	s.request = nil
}
