package flow

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

func ids[M any](s *Sender[M]) (all []OutID) {
	for e := range s.All() {
		all = append(all, e.ID)
	}
	return all
}

// BeginAs is Begin with an identifier of the caller's: the same quota, and never one
// that is in use. [MQTT-2.2.1-3] [MQTT-4.9.0-2]
func TestBeginAs(t *testing.T) {
	var s Sender[string]
	if s.BeginAs(1, 5, "before Resume") {
		t.Error("it begins before the first Resume")
	}
	s.Resume(3)
	for _, x := range []struct {
		id   OutID
		free bool
	}{{500, true}, {500, false}, {0, false}, {7, true}, {65535, true}, {9, true}} {
		if s.Free(x.id) != x.free {
			t.Errorf("identifier %d: free is %t", x.id, !x.free)
		}
		want := x.free && s.Available() > 0
		if ok := s.BeginAs(1+packets.QoS(x.id%2), x.id, "m"); ok != want {
			t.Errorf("identifier %d: begun %t", x.id, ok)
		}
	}
	if got := ids(&s); !slices.Equal(got, []OutID{500, 7, 65535}) || s.Available() != 0 {
		t.Errorf("in use: %v, available: %d", got, s.Available())
	}
	for _, x := range []struct {
		id    OutID
		state State
	}{{500, AwaitPuback}, {7, AwaitPubrec}, {9, 0}} {
		if e, ok := s.Exchange(x.id); ok != (x.state != 0) || ok && (e.ID != x.id || e.State != x.state || e.M != "m") {
			t.Errorf("exchange %d: %v, %t", x.id, e, ok)
		}
	}
	if id, ok := s.Begin(1, "m"); ok {
		t.Errorf("Begin gives %d beyond the quota", id)
	}
	defer func() {
		if recover() == nil {
			t.Error("QoS 0 has an exchange")
		}
	}()
	s.Puback(500)
	s.BeginAs(0, 501, "m")
}

// Recall gives what is not acknowledged in the order of sending, leaves what waits for
// PUBCOMP, and gives back the quota; begun again, all goes on with the same identifiers.
// [MQTT-4.4.0-1] [MQTT-4.6.0-1]
func TestRecall(t *testing.T) {
	var s Sender[int]
	s.Resume(10)
	for i, id := range []OutID{40, 30, 20, 10} {
		s.BeginAs(packets.ExactlyOnce, id, i)
	}
	s.Pubrec(30, packets.Success)
	var back []OutID
	for e := range s.Recall() {
		if e.State != AwaitPubrec {
			t.Errorf("recalled: %v", e)
		}
		back = append(back, e.ID)
	}
	if !slices.Equal(back, []OutID{40, 20, 10}) || !slices.Equal(ids(&s), []OutID{30}) {
		t.Fatalf("recalled %v, still in use: %v", back, ids(&s))
	}
	if s.Available() != 9 || !s.Free(40) || s.Free(30) {
		t.Errorf("available: %d, free: %t %t", s.Available(), s.Free(40), s.Free(30))
	}
	s.Resume(10)
	if _, again := s.Resend(); again {
		t.Error("what was recalled is to be sent again")
	}
	for i, id := range back {
		if !s.BeginAs(packets.ExactlyOnce, id, i) {
			t.Errorf("%d is not begun again", id)
		}
	}
	if got := slices.Collect(s.Releases()); !slices.Equal(got, []OutID{30}) || !slices.Equal(ids(&s), []OutID{30, 40, 20, 10}) {
		t.Errorf("releases %v, in use %v", got, ids(&s))
	}
	for range s.Recall() {
		break // the others stay
	}
	if got := ids(&s); !slices.Equal(got, []OutID{30, 20, 10}) {
		t.Errorf("in use behind one that was recalled: %v", got)
	}
}

// Identifiers in any order are found again, whatever places they share, and a table
// that has to hold them all.
func TestBeginAsAnyIdentifier(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var s Sender[OutID]
	s.Resume(maxWindow)
	used := make(map[OutID]bool)
	for range 200_000 {
		id := OutID(rng.Uint32())
		if rng.IntN(2) == 0 {
			id &^= 0xFF // they share a place while there are few
		}
		switch {
		case used[id]:
			if m, o := s.Puback(id); o != Finished || m != id {
				t.Fatalf("%d gives %d, %d", id, m, o)
			}
			delete(used, id)
		case s.BeginAs(packets.AtLeastOnce, id, id):
			used[id] = true
		case id != 0 && len(used) < maxWindow:
			t.Fatalf("%d is refused beside %d others", id, len(used))
		}
		if s.InFlight() != len(used) {
			t.Fatalf("%d in use, want %d", s.InFlight(), len(used))
		}
	}
}
