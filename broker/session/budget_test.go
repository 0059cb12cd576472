package session

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// market is some Outboxes of one Budget, with messages that go through them.
type market struct {
	*testing.T
	budget *Budget
	turn   Turn
	stalls []*stall
	held   []*Message // by the test, as one that sends does
}

type stall struct {
	out  *Outbox
	line *Line
	due  []flow.OutID // not acknowledged
}

func (m *market) open() *stall {
	s := &stall{out: NewOutbox(m.budget)}
	s.attach(&m.turn)
	return s
}

func (s *stall) attach(t *Turn) {
	s.line = s.out.Attach(Peer{Version: packets.V5, ReceiveMaximum: 20, MaximumPacketSize: 200}, &packets.Connack{}, nobody{}, t)
	s.due = nil
}

// publish gives a message to some of them.
func (m *market) publish() {
	qos := packets.QoS(rand.IntN(3))
	x := text("t", strings.Repeat("x", rand.IntN(230)), qos)
	for _, s := range m.stalls {
		if rand.IntN(3) > 0 {
			s.out.Push(x, Terms{QoS: min(qos, packets.QoS(rand.IntN(3)))}, &m.turn)
		}
	}
	x.Release()
}

func (m *market) take(s *stall) {
	var b Batch
	if s.line.Take(&b); s.line.closed() {
		return
	}
	for _, d := range b.Messages {
		m.held = append(m.held, d.Message)
		if d.QoS > 0 {
			s.due = append(s.due, flow.OutID(d.PacketID))
		}
	}
}

func (m *market) acknowledge(s *stall) {
	if len(s.due) == 0 {
		return
	}
	id := s.due[0]
	s.due = s.due[1:]
	if s.out.Puback(id, &m.turn) == flow.Misplaced && s.out.Pubrec(id, packets.Success, &m.turn) != flow.Misplaced {
		s.due = append(s.due, id)
	} else {
		s.out.Pubcomp(id, &m.turn)
	}
}

func (m *market) release() {
	for _, x := range m.held {
		x.Release()
	}
	m.held = nil
}

// want is what is in memory, counted one by one.
func (m *market) want() (n int) {
	known := make(map[*Message]bool)
	for _, x := range m.held {
		known[x] = true
	}
	for _, s := range m.stalls {
		places, bytes := 0, 0
		for e := range s.out.queue.all() {
			known[e.message] = true
			bytes += e.cost
			places++
		}
		if s.out.bytes != bytes {
			m.Errorf("%d bytes wait, want %d", s.out.bytes, bytes)
		}
		for x := range s.out.sender.All() {
			if x.M != nil {
				known[x.M.message] = true
			}
			places++
		}
		n += max(places-freePlaces, 0) * placeMemory
	}
	for x := range known {
		n += x.memory()
	}
	return n
}

// The memory in use is what one counts by hand, after whatever has happened, and
// nothing when all sessions have ended.
func TestBudgetAgainstOracle(t *testing.T) {
	for _, l := range []Limits{
		{Messages: 30, Bytes: 1 << 20, Total: 1 << 20},
		{Messages: 1000, Bytes: 6000, Total: 1 << 20, DropOldest: true},
		{Messages: 1000, Bytes: 1 << 20, Total: 40_000},
		{Messages: 1000, Bytes: 1 << 20, Total: 40_000, DropOldest: true, InFlight: 5},
	} {
		m := &market{T: t, budget: NewBudget(l)}
		for range 5 {
			m.stalls = append(m.stalls, m.open())
		}
		for range 5000 {
			i := rand.IntN(len(m.stalls))
			s := m.stalls[i]
			switch rand.IntN(60) {
			case 0:
				s.line.Close(nil, false, &m.turn)
			case 1:
				s.attach(&m.turn)
			case 2:
				s.line.Close(nil, false, &m.turn)
				s.out.End()
				m.stalls[i] = m.open()
			case 3, 4, 5, 6, 7, 8, 9, 10:
				m.take(s)
			case 11, 12:
				m.release()
			default:
				if rand.IntN(2) == 0 {
					m.acknowledge(s)
				} else {
					m.publish()
				}
			}
			m.turn.Flush()
			if used, want := m.budget.Used(), m.want(); used != want {
				t.Fatalf("%d bytes are used, want %d", used, want)
			}
		}
		for _, s := range m.stalls {
			s.out.End()
			s.line.Close(nil, false, &m.turn)
		}
		m.release()
		m.turn.Flush()
		if d := m.budget.Drops(); d[QueueFull]+d[MemoryFull] == 0 || d[TooLarge] == 0 {
			t.Errorf("drops %v", d)
		}
		if n := m.budget.Used(); n != 0 || m.budget.outboxes.Load() != 0 {
			t.Errorf("%d bytes and %d are left", n, m.budget.outboxes.Load())
		}
	}
}

// Whose queue is short is served while others have taken all the memory.
func TestBudgetServesThoseWhoTakeLittle(t *testing.T) {
	m := &market{T: t, budget: NewBudget(Limits{Messages: 1 << 20, Bytes: 1 << 20, Total: 80_000})}
	hog, quick := m.open(), m.open()
	m.take(quick)
	push := func(s *stall) Pushed {
		y := text("t", strings.Repeat("x", 400), 0)
		defer y.Release()
		p, _ := s.out.Push(y, Terms{}, &m.turn)
		m.turn.Flush()
		return p
	}
	n := 0
	for push(hog) == Queued {
		n++
	}
	if n < 50 || m.budget.Used() > 90_000 {
		t.Errorf("%d messages of %d bytes", n, m.budget.Used())
	}
	if d := m.budget.Drops(); d != (Drops{MemoryFull: 1}) || d != hog.out.Figures().Drops {
		t.Errorf("drops %v", d)
	}
	for range 100 {
		for range 3 {
			if p := push(quick); p != Queued {
				t.Fatalf("pushed: %d", p)
			}
		}
		m.take(quick)
		m.release()
	}
	for push(quick) == Queued {
	}
	if n := m.budget.Used(); n > 80_000*9/8+2000 {
		t.Errorf("%d bytes", n)
	}
}

// A drop takes no memory where there was none.
func TestDropsByReason(t *testing.T) {
	budget := NewBudget(Limits{Messages: 2, Bytes: 1 << 20})
	o := NewOutbox(budget)
	turn := new(Turn)
	l := o.Attach(Peer{Version: packets.V5, ReceiveMaximum: 10, MaximumPacketSize: 50}, &packets.Connack{}, nobody{}, turn)
	l.Take(new(Batch))
	if o.drops != nil {
		t.Error("nothing was dropped, and there is memory for it")
	}
	for _, payload := range []string{strings.Repeat("x", 100), "late", "full"} {
		m := NewMessage(&packets.Publish{Topic: []byte("t"), Payload: []byte(payload)})
		if payload == "late" {
			m.expireAt(m.expires.Add(1))
		}
		o.Push(m, Terms{}, turn)
		m.Release()
	}
	l.Take(new(Batch))
	if d := o.Figures().Drops; d != (Drops{TooLarge: 1, Expired: 1, QueueFull: 1}) || d != budget.Drops() {
		t.Errorf("%v, all %v", d, budget.Drops())
	}
}

// What has waited longest goes, but a message at QoS 0 drops none at QoS 1, and
// retained messages that are to come are in nobody's way.
func TestDropOldest(t *testing.T) {
	turn := new(Turn)
	o := NewOutbox(NewBudget(Limits{Messages: 3, Bytes: 1 << 20, DropOldest: true}))
	l := attach(o, 10)
	push := func(payload string, qos packets.QoS, want Pushed, lost uint64) {
		t.Helper()
		m := text("t", payload, qos)
		defer m.Release()
		if p, loss := o.Push(m, Terms{QoS: qos}, turn); p != want || loss.N != lost {
			t.Errorf("%s: %d, %+v", payload, p, loss)
		}
	}
	push("1", 1, Queued, 0)
	push("2", 0, Queued, 0)
	push("3", 0, Queued, 0)
	push("4", 0, Dropped, 1)
	push("5", 1, Queued, 1)
	push("6", 0, Queued, 1)
	var b Batch
	l.Take(&b)
	if got := payloads(&b); !slices.Equal(got, []string{"3", "5", "6"}) {
		t.Errorf("took %q", got)
	}
	for _, f := range []string{"cancelled", "wanted"} {
		o.Replay(Replay{Filter: f}, turn)
		push(f, 1, Queued, 0)
		push(f, 1, Queued, 0)
		push(f, 1, Queued, 0)
		o.Cancel("cancelled")
		push("next", 1, map[string]Pushed{"cancelled": Queued, "wanted": Dropped}[f], 1)
		if f == "cancelled" {
			l.Take(&b)
			payloads(&b)
		}
	}
}
