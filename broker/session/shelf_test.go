package session

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// shelf is an Outbox whose messages are stored, the client at its other end, and the
// book of what has become of each message.
type shelf struct {
	*testing.T
	rng   *rand.Rand
	st    *store.Memory
	j     *journal.Journal
	b     *Budget
	o     *Outbox
	line  *Line
	turn  Turn
	due   bool    // as Flush has said
	pages []*Page // that are still to be read

	book     []parcel       // message n at n
	last     int            // QoS 1 or 2, sent on this connection
	inFlight []int          // that have been sent on this connection and not acknowledged
	released []flow.OutID   // that wait for PUBCOMP
	holds    map[uint16]int // QoS 2 identifiers that the client holds
}

// parcel is one message.
type parcel struct {
	sequence uint64
	qos      packets.QoS
	id       uint16
	came     bool // to the client
	finished bool // acknowledged

	forbidden bool // the client may not have it any more
}

const (
	shelfSession = 7
	otherSession = 8 // which gets some of the messages too
	shelfWindow  = 10
)

var shelfLimits = Limits{Messages: 300, Bytes: 1 << 20, InFlight: shelfWindow, DropOldest: true}

func newShelf(t *testing.T, seed uint64) *shelf {
	s := &shelf{T: t, rng: rand.New(rand.NewPCG(seed, 1)), st: new(store.Memory), holds: make(map[uint16]int), b: NewBudget(shelfLimits)}
	s.j = journal.New(s.st, 1, 1<<20, func(int, []any) {})
	s.o = NewStoredOutbox(s.b, s.j, shelfSession)
	return s
}

// Flush is of Owner.
func (s *shelf) Flush(*Line) { s.due = true }

// Relieved is of Owner.
func (s *shelf) Relieved() {}

// push stores a message and pushes it, as a broker does.
func (s *shelf) push(qos packets.QoS) {
	n := len(s.book)
	m := text("topic", strconv.Itoa(n), qos)
	defer m.Release()
	terms := Terms{QoS: qos}
	if s.rng.IntN(4) == 0 {
		terms.Identifiers = []uint32{uint32(n + 1)}
	}
	p := parcel{qos: qos}
	if qos > 0 {
		p.id = s.o.Reserve()
		to := []journal.Recipient{{Session: shelfSession, Terms: journal.Terms{QoS: qos, PacketID: p.id, Identifiers: terms.Identifiers}}}
		if s.rng.IntN(3) == 0 {
			to = append(to, journal.Recipient{Session: otherSession, Terms: journal.Terms{QoS: qos, PacketID: 1}})
		}
		p.sequence = s.j.Next()
		ref := s.j.Begin().Message(p.sequence, &m.Publish, "", time.Time{}, to)
		s.j.End()
		if s.rng.IntN(8) == 0 || len(s.pages) > 0 {
			s.j.Sync(nil)
		}
		terms.Kept = Kept{Sequence: ref.Sequence, PacketID: p.id, Shared: ref.Shared}
	}
	s.book = append(s.book, p)
	s.o.Push(m, terms, &s.turn)
	s.turn.Flush()
}

func (s *shelf) attach() {
	if s.line != nil {
		return
	}
	s.last = -1
	s.o.Revoke(func(m *Message, _ Group, _ bool) bool { return !s.book[number(m)].forbidden })
	s.line = s.o.Attach(Peer{Version: packets.V5, ReceiveMaximum: uint16(1 + s.rng.IntN(20))}, nil, s, &s.turn)
	for id := range s.o.sender.Releases() {
		s.pubrel(id)
	}
	s.turn.Flush()
}

func (s *shelf) detach() {
	if s.line != nil {
		s.line.Abandon()
		s.line, s.due = nil, false
		s.inFlight, s.released = nil, nil
	}
}

// take gets what there is to send, if anybody has said that there is something.
func (s *shelf) take() {
	var b Batch
	for s.line != nil && s.due {
		if s.line.Take(&b) == Idle {
			s.due = false
			return
		}
		for i := range b.Messages {
			s.receive(&b.Messages[i])
			b.Messages[i].Message.Release()
		}
		if b.Page != nil {
			s.pages = append(s.pages, b.Page)
		}
		for rest := b.Control; len(rest) > 0; rest = rest[4:] {
			s.pubrel(flow.OutID(rest[2])<<8 | flow.OutID(rest[3]))
		}
	}
}

func number(m *Message) int {
	n, _ := strconv.Atoi(string(m.Publish.Payload))
	return n
}

// receive is for a PUBLISH that has come to the client.
func (s *shelf) receive(d *Delivery) {
	n := number(d.Message)
	p := &s.book[n]
	switch {
	case d.QoS != p.qos || len(d.Identifiers) > 0 && d.Identifiers[0] != uint32(n+1):
		s.Fatalf("message %d at QoS %d with identifiers %v", n, d.QoS, d.Identifiers)
	case d.QoS == 0:
		return
	case d.PacketID != p.id:
		s.Fatalf("message %d has identifier %d, and is sent with %d", n, p.id, d.PacketID)
	case n <= s.last:
		s.Fatalf("message %d behind %d", n, s.last)
	case p.finished:
		s.Fatalf("message %d comes when it has been acknowledged", n)
	case p.came && !d.Dup:
		s.Fatalf("message %d comes again without DUP", n)
	case !p.came && p.forbidden:
		s.Fatalf("message %d comes to who must not have it", n)
	}
	if other, ok := s.holds[p.id]; ok && other != n {
		s.Fatalf("message %d has the identifier of %d, which the client holds", n, other)
	}
	if p.qos == 2 {
		s.holds[p.id] = n
	}
	p.came, s.last = true, n
	s.inFlight = append(s.inFlight, n)
}

// pubrel is for a PUBREL that has come to the client.
func (s *shelf) pubrel(id flow.OutID) {
	delete(s.holds, uint16(id))
	s.released = append(s.released, id)
}

// acknowledge is for the oldest that is under way, or for a PUBREL.
func (s *shelf) acknowledge() {
	switch {
	case len(s.released) > 0 && (len(s.inFlight) == 0 || s.rng.IntN(2) == 0):
		s.o.Pubcomp(s.released[0], &s.turn)
		s.released = s.released[1:]
	case len(s.inFlight) > 0:
		p := &s.book[s.inFlight[0]]
		s.inFlight = s.inFlight[1:]
		p.finished = true
		if p.qos == 1 {
			s.o.Puback(flow.OutID(p.id), &s.turn)
		} else if s.o.Pubrec(flow.OutID(p.id), 0, &s.turn) == flow.Released {
			s.pubrel(flow.OutID(p.id))
		}
	}
	s.turn.Flush()
}

// read is for one of the pages: some are not wanted any more by then.
func (s *shelf) read() {
	if len(s.pages) == 0 {
		return
	}
	s.j.Sync(nil)
	i := s.rng.IntN(len(s.pages))
	p := s.pages[i]
	s.pages = append(s.pages[:i], s.pages[i+1:]...)
	if _, err := p.Read(&s.turn); err != nil {
		s.Fatal(err)
	}
	s.turn.Flush()
}

// unfinished is what a message of the book has not come to.
func (s *shelf) unfinished() (all []string) {
	for n, p := range s.book {
		if p.qos > 0 && !p.finished && !p.forbidden {
			all = append(all, fmt.Sprintf("%d at QoS %d, came: %t", n, p.qos, p.came))
		}
	}
	return all
}
