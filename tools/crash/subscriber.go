package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// subscriber is a client with a session that lasts, which comes and goes.
type subscriber struct {
	*world
	rng      *rand.Rand
	client   string
	account  string // its name in the ledger: of all members of a shared subscription together
	v        packets.Version
	most     uint16        // Receive Maximum; 0 is none
	slow     bool          // over some of its connections: then there is a pause
	pause    time.Duration // after each message
	lag      int           // acknowledgements held back, over this connection
	request  *request      // SUBSCRIBE or UNSUBSCRIBE under way
	filters  []*filter
	held     map[uint16]received // QoS 2 messages from PUBLISH to PUBREL, whatever the connection
	pending  int                 // packets that wait for a flush
	lastID   uint16
	restless bool // unsubscribes now and then
}

type received struct {
	topic  string
	number int
}

// run comes and goes until ctx ends, and stays when there are no publishers any more.
func (s *subscriber) run(ctx context.Context) {
	s.held = map[uint16]received{}
	for {
		connect := persistent(s.client)
		if s.most > 0 {
			connect.Props.SetReceiveMaximum(s.most)
		}
		l, connack, err := s.join(ctx, s.v, connect)
		if err != nil {
			return
		}
		if !connack.SessionPresent {
			clear(s.held)
		}
		s.serve(l)
		l.close()
		select {
		case <-ctx.Done():
			return
		case <-s.retired:
		case <-time.After(s.absence()):
		}
	}
}

// absence is mostly short, and sometimes long enough for much to wait.
func (s *subscriber) absence() time.Duration {
	if s.rng.IntN(8) > 0 {
		return time.Duration(s.rng.IntN(20)) * time.Millisecond
	}
	return time.Duration(s.rng.IntN(800)) * time.Millisecond
}

// serve takes messages until the connection ends, or the subscriber ends it, wherever
// it is in its exchanges and without a word.
func (s *subscriber) serve(l *link) {
	s.pending, s.pause, s.lag = 0, 0, 1
	left := 1 + s.rng.IntN([]int{100, 20_000, 20_000, 20_000}[s.rng.IntN(4)])
	if s.rng.IntN(4) == 0 {
		s.lag = 20
		if s.most > 0 {
			s.lag = int(s.most)
		}
	}
	if s.slow && s.rng.IntN(4) == 0 {
		s.pause, left = time.Millisecond, min(left, 500)
	}
	if s.request != nil {
		s.ask(l, s.request)
	}
	for left > 0 || finished(s.retired) {
		s.turn(l)
		p, err := l.within(5 * time.Millisecond)
		switch {
		case errors.Is(err, errIdle):
			s.pending = s.lag
		case err != nil:
			return
		default:
			left--
			if err := s.handle(l, p); err != nil {
				return
			}
		}
		if s.pending < s.lag {
			continue
		}
		s.pending = 0
		if err := l.flush(); err != nil {
			return
		}
	}
}

func (s *subscriber) handle(l *link, p packets.Packet) error {
	s.pending++
	switch p := p.(type) {
	case *packets.Publish:
		return s.take(l, p)
	case *packets.Pubrel:
		delete(s.held, p.PacketID)
		l.add(&packets.Pubcomp{PacketID: p.PacketID})
		return nil
	case *packets.Suback:
		if r := s.request; r != nil && r.id == p.PacketID && !r.leave && p.Reasons[0] == packets.ReasonCode(r.filter.qos) {
			s.answered()
			return nil
		}
	case *packets.Unsuback:
		if r := s.request; r != nil && r.id == p.PacketID && r.leave {
			s.answered()
			return nil
		}
	}
	return l.unexpected(p)
}

// take counts a delivery as section 4.3 does: at QoS 2 when its identifier is new.
func (s *subscriber) take(l *link, p *packets.Publish) error {
	topic := string(p.Topic)
	n, ok := numberOf(p, s.v)
	if !ok {
		l.ledger.fail(s.client, "not as it was sent: %v", p)
		return errGone
	}
	if s.pause > 0 && !finished(s.retired) {
		time.Sleep(s.pause)
	}
	if p.QoS != packets.ExactlyOnce {
		s.ledger.delivered(s.account, topic, n, p.QoS)
		l.add(&packets.Puback{PacketID: p.PacketID})
		return nil
	}
	now := received{topic, n}
	before, again := s.held[p.PacketID]
	if again && (before != now || !p.Dup) {
		l.ledger.fail(s.client, "identifier %d is that of %v, which is not released, and now of %v, DUP %v: %s", p.PacketID, before, now, p.Dup, l.ledger.describe(s.account, now.topic, now.number))
		return errGone
	}
	if !again {
		s.held[p.PacketID] = now
		s.ledger.delivered(s.account, topic, n, p.QoS)
	}
	l.add(&packets.Pubrec{PacketID: p.PacketID})
	return nil
}
