package flow

import (
	"testing"

	"github.com/fletchmq/fletch/packets"
)

func TestSenderSwapKeepsHandleToPubcomp(t *testing.T) {
	s := sender(1)
	id := begin(t, s, packets.ExactlyOnce, "payload")
	got(t, "payload", Released)(s.Pubrec(id, packets.Success))
	if old, ok := s.Swap(id, "waiter"); old != "" || !ok {
		t.Errorf("Swap gives %q, %v", old, ok)
	}
	got(t, "waiter", Finished)(s.Pubcomp(id))
	if _, ok := s.Swap(id, "late"); ok {
		t.Error("Swap into an exchange that is over")
	}
}

// full has one exchange in each state, and more than one PUBLISH and PUBREL.
func full(t *testing.T) (s *Sender[string], want []Exchange[string]) {
	s = sender(10)
	a, b := begin(t, s, packets.ExactlyOnce, "a"), begin(t, s, packets.AtLeastOnce, "b")
	c, d := begin(t, s, packets.ExactlyOnce, "c"), begin(t, s, packets.ExactlyOnce, "d")
	r, _ := s.Request("r")
	s.Pubrec(d, packets.Success)
	s.Pubrec(a, packets.Success)
	s.Swap(a, "waiter")
	return s, []Exchange[string]{
		{"", d, AwaitPubcomp},
		{"waiter", a, AwaitPubcomp},
		{"b", b, AwaitPuback},
		{"c", c, AwaitPubrec},
		{"r", r, AwaitReply},
	}
}

func listed[M any](s *Sender[M]) (all []Exchange[M]) {
	for e := range s.All() {
		all = append(all, e)
	}
	return all
}

// [MQTT-4.1.0-1]: what a store keeps is what comes back after a restart.
func TestSenderRestore(t *testing.T) {
	s, want := full(t)
	same(t, listed(s), want)
	same(t, want[0].QoS(), packets.ExactlyOnce)
	same(t, want[2].QoS(), packets.AtLeastOnce)
	same(t, want[4].QoS(), packets.AtMostOnce)
	var back Sender[string]
	for _, e := range want {
		if !back.Restore(e) || back.Restore(e) {
			t.Errorf("%+v is not restored, or twice", e)
		}
	}
	if back.Restore(Exchange[string]{ID: 0, State: AwaitPuback}) || back.Restore(Exchange[string]{ID: 99}) {
		t.Error("no identifier or no state is restored")
	}
	same(t, listed(&back), want)
	back.Resume(10)
	var rel []OutID
	for id := range back.Releases() {
		rel = append(rel, id)
	}
	same(t, rel, []OutID{want[0].ID, want[1].ID})
	same(t, resent(&back), []string{"b", "c"})
	same(t, back.Available(), 6)
	if id := begin(t, &back, packets.AtLeastOnce, "new"); id != want[4].ID+1 {
		t.Errorf("new identifier is %d", id)
	}
}

// Identifiers that collide in small tables find a place of their own.
func TestSenderRestoreAnyIdentifiers(t *testing.T) {
	var s Sender[int]
	for i := range 16 {
		if !s.Restore(Exchange[int]{M: i, ID: OutID(1 + i*4096), State: AwaitPuback}) {
			t.Fatalf("%d is not restored", i)
		}
	}
	for i := range 16 {
		if m, o := s.Puback(OutID(1 + i*4096)); m != i || o != Finished {
			t.Errorf("%d, %d for exchange %d", m, o, i)
		}
	}
}

func TestSenderResetGivesAllBack(t *testing.T) {
	s, want := full(t)
	var back []Exchange[string]
	for e := range s.Reset() {
		if back = append(back, e); s.InFlight() != 0 {
			t.Error("in flight after Reset")
		}
	}
	same(t, back, want)
	same(t, listed(s), []Exchange[string](nil))
	if _, ok := s.Begin(packets.AtLeastOnce, "x"); ok {
		t.Error("Begin after Reset and before Resume is not refused")
	}
	s.Resume(5)
	same(t, s.Available(), 5)
	for range s.Reset() {
		t.Error("given back twice")
	}
}

func TestSenderTrim(t *testing.T) {
	s := sender(1)
	id := begin(t, s, packets.AtLeastOnce, "m")
	s.Trim()
	got(t, "m", Finished)(s.Puback(id))
	s.Trim()
	if s.exchanges != nil {
		t.Error("memory is kept")
	}
	if next := begin(t, s, packets.AtLeastOnce, "n"); next != id+1 {
		t.Errorf("identifier %d after %d", next, id)
	}
}
