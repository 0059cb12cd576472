package flow

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// naive is a Sender as one would write it to be read: one list, searched from
// its beginning, in the order of All.
type naive struct {
	releases, publishes, requests []Exchange[int]
	unsent                        map[OutID]bool // not sent on this connection
	window                        int
}

func (n *naive) all() []Exchange[int] {
	return slices.Concat(n.releases, n.publishes, n.requests)
}

func (n *naive) state(id OutID) State {
	for _, e := range n.all() {
		if e.ID == id {
			return e.State
		}
	}
	return 0
}

// end takes out an exchange that is there.
func (n *naive) end(id OutID) (m int) {
	for _, l := range []*[]Exchange[int]{&n.releases, &n.publishes, &n.requests} {
		*l = slices.DeleteFunc(*l, func(e Exchange[int]) bool {
			if e.ID == id {
				m = e.M
			}
			return e.ID == id
		})
	}
	delete(n.unsent, id)
	return m
}

// ack is Puback, Pubcomp and Reply: only what waits for it is ended.
func (n *naive) ack(id OutID, want State) (int, Outcome) {
	switch n.state(id) {
	case 0:
		return 0, Unknown
	case want:
		return n.end(id), Finished
	}
	return 0, Misplaced
}

func (n *naive) pubrec(id OutID, refused bool) (int, Outcome) {
	switch state := n.state(id); {
	case state == AwaitPubrec && refused:
		return n.end(id), Finished
	case state == AwaitPubrec:
		m := n.end(id)
		n.releases = append(n.releases, Exchange[int]{0, id, AwaitPubcomp})
		return m, Released
	case refused && (state == 0 || state == AwaitPubcomp):
		return 0, Ignored
	case state == AwaitPubcomp:
		return 0, Repeated
	case state == 0:
		return 0, Unknown
	}
	return 0, Misplaced
}

func (n *naive) available() int {
	if len(n.unsent) > 0 {
		return 0
	}
	return max(0, n.window-len(n.releases)-len(n.publishes))
}

// resend is the oldest PUBLISH not sent, when the quota allows it.
func (n *naive) resend() (Exchange[int], bool) {
	if len(n.releases)+len(n.publishes)-len(n.unsent) >= n.window {
		return Exchange[int]{}, false
	}
	for _, e := range n.publishes {
		if n.unsent[e.ID] {
			delete(n.unsent, e.ID)
			return e, true
		}
	}
	return Exchange[int]{}, false
}

// FuzzSender: whatever the caller and a peer of no manners do, the Sender does
// as the naive one. Each operation is two bytes: what, and to which identifier.
func FuzzSender(f *testing.F) {
	f.Add([]byte{0, 4, 1, 0, 1, 0, 2, 1, 3, 2, 5, 2, 4, 0, 0, 1, 7, 0, 7, 0})
	f.Add([]byte{0, 9, 2, 0, 2, 0, 2, 0, 3, 2, 3, 1, 0, 1, 7, 0, 5, 2, 7, 0, 5, 1, 9, 0})
	f.Fuzz(senderAgrees)
}

// TestSenderAtRandom is FuzzSender for a while, with longer runs.
func TestSenderAtRandom(t *testing.T) { atRandom(t, senderAgrees) }

func senderAgrees(t *testing.T, ops []byte) {
	var s Sender[int]
	s.last = 65530
	n := naive{unsent: map[OutID]bool{}}
	fresh := 0
	for ; len(ops) >= 2; ops = ops[2:] {
		fresh++
		fuzzSender(t, &s, &n, ops[0]%10, ops[1], fresh)
		if got := listed(&s); !slices.Equal(got, n.all()) {
			t.Fatalf("in flight %+v, want %+v", got, n.all())
		}
		if s.Available() != n.available() || s.InFlight() != len(n.all()) {
			t.Fatalf("available %d, want %d; %d in flight", s.Available(), n.available(), s.InFlight())
		}
	}
}

func fuzzSender(t *testing.T, s *Sender[int], n *naive, op, arg byte, fresh int) {
	id := OutID(arg%20) + 65528 // some of them 0 and its neighbours
	if all := n.all(); arg&0x40 != 0 && len(all) > 0 {
		id = all[int(arg&0x3f)%len(all)].ID
	}
	refused := packets.ReasonCode(arg&0x80) >= packets.UnspecifiedError
	agree := func(m int, o Outcome) func(int, Outcome) {
		return func(wantM int, want Outcome) {
			t.Helper()
			if m != wantM || o != want {
				t.Fatalf("operation %d on %d: %d, outcome %d; want %d, %d", op, id, m, o, wantM, want)
			}
		}
	}
	switch op {
	case 0:
		s.Resume(uint16(arg % 12))
		n.window = int(arg % 12)
		for _, e := range n.publishes {
			n.unsent[e.ID] = true
		}
	case 1, 2:
		want := n.available() > 0
		id, ok := s.Begin(packets.QoS(op), fresh)
		if ok != want || ok && (id == 0 || n.state(id) != 0) {
			t.Fatalf("Begin gives %d, %v, want %v", id, ok, want)
		}
		if ok {
			n.publishes = append(n.publishes, Exchange[int]{fresh, id, State(op)})
		}
	case 3:
		agree(s.Pubrec(id, packets.ReasonCode(arg&0x80)))(n.pubrec(id, refused))
	case 4:
		agree(s.Puback(id))(n.ack(id, AwaitPuback))
	case 5:
		agree(s.Pubcomp(id))(n.ack(id, AwaitPubcomp))
	case 6:
		agree(s.Reply(id))(n.ack(id, AwaitReply))
	case 7:
		got, ok := s.Resend()
		if want, wantOK := n.resend(); got != want || ok != wantOK {
			t.Fatalf("sent again %+v, %v, want %+v, %v", got, ok, want, wantOK)
		}
	case 8:
		if id, ok := s.Request(fresh); ok {
			n.requests = append(n.requests, Exchange[int]{fresh, id, AwaitReply})
		}
	case 9:
		if s.Trim(); arg == 0 {
			s.Reset()
			*n = naive{unsent: map[OutID]bool{}}
		}
	}
}

func atRandom(t *testing.T, run func(*testing.T, []byte)) {
	ops := make([]byte, 4000)
	for seed := range byte(20) {
		rand.NewChaCha8([32]byte{seed}).Read(ops)
		run(t, ops)
	}
}
