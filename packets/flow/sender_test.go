package flow

import (
	"fmt"
	"slices"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// sender is one on a connection with that Receive Maximum.
func sender(receiveMaximum uint16) *Sender[string] {
	s := new(Sender[string])
	s.Resume(receiveMaximum)
	return s
}

func begin(t *testing.T, s *Sender[string], qos packets.QoS, m string) OutID {
	t.Helper()
	id, ok := s.Begin(qos, m)
	if !ok {
		t.Fatalf("Begin of %s is refused", m)
	}
	return id
}

// got expects what Puback and the others return.
func got(t *testing.T, wantM string, want Outcome) func(string, Outcome) {
	return func(m string, o Outcome) {
		t.Helper()
		if m != wantM || o != want {
			t.Errorf("%q, outcome %d, want %q, %d", m, o, wantM, want)
		}
	}
}

// resent is what goes out again: PUBRELs, then PUBLISHes as the quota allows.
func resent(s *Sender[string]) (all []string) {
	for e, ok := s.Resend(); ok; e, ok = s.Resend() {
		all = append(all, e.M)
	}
	return all
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		t.Errorf("got %s, want %s", g, w)
	}
}

// [MQTT-2.2.1-3] [MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1]
// [MQTT3-2.3.1-1] [MQTT3-2.3.1-2] [MQTT3-2.3.1-4]
func TestSenderIdentifiersAreFreeOnes(t *testing.T) {
	s := sender(100)
	used := map[OutID]bool{}
	var open []OutID
	for i := range 200_000 {
		id := begin(t, s, packets.AtLeastOnce, "m")
		if id == 0 || used[id] {
			t.Fatalf("identifier %d for exchange %d", id, i)
		}
		used[id] = true
		if open = append(open, id); len(open) == 100 {
			done := open[(i*7)%97] // the first few stay for ever
			if i%13 != 0 {
				done = open[99]
			}
			open = slices.DeleteFunc(open, func(id OutID) bool { return id == done })
			delete(used, done)
			s.Puback(done)
		}
	}
}

func TestSenderUsesAllIdentifiers(t *testing.T) {
	var s Sender[int]
	for i := range 65535 {
		if id, ok := s.Request(i); !ok || int(id) != i+1 {
			t.Fatalf("request %d has identifier %d, %v", i, id, ok)
		}
	}
	if _, ok := s.Request(0); ok {
		t.Error("65536th request is not refused")
	}
	s.Resume(10)
	if _, ok := s.Begin(packets.AtLeastOnce, 0); ok || s.Available() != 0 {
		t.Error("Begin without a free identifier is not refused")
	}
	s.Reply(4711)
	if id, ok := s.Request(0); !ok || id != 4711 {
		t.Errorf("the free identifier is 4711, got %d", id)
	}
}

// [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-3.3.4-7] [MQTT-3.3.4-9]
func TestSenderStopsAtReceiveMaximum(t *testing.T) {
	for maximum, want := range map[uint16]int{0: 0, 1: 1, 3: 3, 65535: maxWindow} {
		s, n := sender(maximum), 0
		for ; ; n++ {
			if s.Available() != want-n {
				t.Fatalf("available %d after %d of %d", s.Available(), n, want)
			}
			if _, ok := s.Begin(packets.QoS(1+n%2), "m"); !ok {
				break
			}
		}
		same(t, n, want)
	}
	if _, ok := new(Sender[int]).Begin(packets.AtLeastOnce, 1); ok {
		t.Error("Begin before the first connection is not refused")
	}
}

// [MQTT-3.3.4-8] [MQTT-3.3.4-10] [MQTT-4.9.0-3]
func TestSenderFullWindowHoldsOnlyPublish(t *testing.T) {
	s := sender(1)
	q2 := begin(t, s, packets.ExactlyOnce, "a")
	id, ok := s.Request("sub")
	if !ok || id == q2 {
		t.Errorf("SUBSCRIBE has identifier %d, %v", id, ok)
	}
	got(t, "a", Released)(s.Pubrec(q2, packets.Success))
	got(t, "sub", Finished)(s.Reply(id))
	same(t, s.Available(), 0)
}

// Section 4.9: what gives quota back.
func TestSenderQuotaComesBack(t *testing.T) {
	s := sender(4)
	a, b := begin(t, s, packets.AtLeastOnce, "a"), begin(t, s, packets.ExactlyOnce, "b")
	c := begin(t, s, packets.ExactlyOnce, "c")
	same(t, s.Available(), 1)
	got(t, "a", Finished)(s.Puback(a))
	same(t, s.Available(), 2)
	got(t, "b", Released)(s.Pubrec(b, packets.NoMatchingSubscribers))
	same(t, s.Available(), 2)
	got(t, "c", Finished)(s.Pubrec(c, packets.QuotaExceeded)) // [MQTT-4.4.0-2]
	same(t, s.Available(), 3)
	got(t, "", Finished)(s.Pubcomp(b))
	same(t, s.Available(), 4)
	for _, id := range []OutID{a, b, c} { // not beyond the initial quota
		s.Puback(id)
		s.Pubrec(id, packets.QuotaExceeded)
		s.Pubcomp(id)
	}
	same(t, s.Available(), 4)
}

// The quota is that of the connection, section 4.9.
func TestSenderQuotaResetOnResume(t *testing.T) {
	s := sender(2)
	a := begin(t, s, packets.AtLeastOnce, "a")
	begin(t, s, packets.AtLeastOnce, "b")
	s.Resume(3)
	same(t, resent(s), []string{"a", "b"})
	same(t, s.Available(), 1)
	s.Puback(a)
	same(t, s.Available(), 2)
	for range 10 {
		s.Resume(3)
		same(t, resent(s), []string{"b"})
		same(t, s.Available(), 2)
	}
}

// [MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-3.3.1-1] [MQTT3-4.4.0-1] [MQTT3-2.3.1-3]
func TestSenderResumeIntoSmallerWindow(t *testing.T) {
	s := sender(5)
	var ids []OutID
	for _, m := range []string{"a", "b", "c", "d", "e"} {
		ids = append(ids, begin(t, s, packets.AtLeastOnce, m))
	}
	s.Resume(2)
	same(t, resent(s), []string{"a", "b"})
	if _, ok := s.Begin(packets.AtLeastOnce, "f"); ok {
		t.Error("new message goes before those to be sent again")
	}
	s.Puback(ids[1])
	same(t, s.Available(), 0) // there is quota, and c wants it
	same(t, resent(s), []string{"c"})
	s.Puback(ids[0])
	s.Puback(ids[2])
	same(t, resent(s), []string{"d", "e"})
	s.Puback(ids[3])
	same(t, s.Available(), 1)
	begin(t, s, packets.AtLeastOnce, "f")
	s.Puback(ids[4])
	same(t, s.Available(), 1)
}

// [MQTT-4.3.3-6] [MQTT-4.6.0-4] [MQTT-4.9.0-3] [MQTT3-4.3.3-1]
func TestSenderOwedPubrels(t *testing.T) {
	s := sender(4)
	a, b := begin(t, s, packets.ExactlyOnce, "a"), begin(t, s, packets.ExactlyOnce, "b")
	begin(t, s, packets.ExactlyOnce, "c")
	s.Pubrec(b, packets.Success)
	s.Pubrec(a, packets.Success)
	s.Resume(1) // PUBRELs go out even so, and use it up
	same(t, slices.Collect(s.Releases()), []OutID{b, a})
	same(t, resent(s), []string(nil))
	s.Pubcomp(b)
	same(t, resent(s), []string(nil))
	s.Pubcomp(a)
	same(t, resent(s), []string{"c"})
	same(t, s.Available(), 0)
}

func TestSenderAnswersOutOfPlace(t *testing.T) {
	s := sender(10)
	q1, q2 := begin(t, s, packets.AtLeastOnce, "q1"), begin(t, s, packets.ExactlyOnce, "q2")
	rel := begin(t, s, packets.ExactlyOnce, "rel")
	s.Pubrec(rel, packets.Success)
	req, _ := s.Request("req")
	const none = 4711
	for id, want := range map[OutID][5]Outcome{ // PUBACK, PUBREC, PUBREC refusing, PUBCOMP, SUBACK
		none: {Unknown, Unknown, Ignored, Unknown, Unknown},
		0:    {Unknown, Unknown, Ignored, Unknown, Unknown},
		q1:   {0: 99, 1: Misplaced, 2: Misplaced, 3: Misplaced, 4: Misplaced},
		q2:   {0: Misplaced, 1: 99, 2: 99, 3: Misplaced, 4: Misplaced},
		rel:  {0: Misplaced, 1: Repeated, 2: Ignored, 3: 99, 4: Misplaced},
		req:  {0: Misplaced, 1: Misplaced, 2: Misplaced, 3: Misplaced, 4: 99},
	} {
		for i, call := range []func() (string, Outcome){
			func() (string, Outcome) { return s.Puback(id) },
			func() (string, Outcome) { return s.Pubrec(id, packets.Success) },
			func() (string, Outcome) { return s.Pubrec(id, packets.UnspecifiedError) },
			func() (string, Outcome) { return s.Pubcomp(id) },
			func() (string, Outcome) { return s.Reply(id) },
		} {
			if want[i] == 99 { // in place
				continue
			}
			got(t, "", want[i])(call())
		}
	}
	same(t, s.Available(), 7)
	same(t, s.InFlight(), 4)
	got(t, "q1", Finished)(s.Puback(q1))
	got(t, "q2", Released)(s.Pubrec(q2, packets.Success))
	got(t, "", Finished)(s.Pubcomp(rel))
}

// A peer may answer on the new connection what came on the old one.
func TestSenderAnsweredBeforeResend(t *testing.T) {
	s := sender(4)
	a, b := begin(t, s, packets.AtLeastOnce, "a"), begin(t, s, packets.ExactlyOnce, "b")
	c := begin(t, s, packets.ExactlyOnce, "c")
	begin(t, s, packets.AtLeastOnce, "d")
	s.Resume(3)
	got(t, "a", Finished)(s.Puback(a))
	got(t, "b", Released)(s.Pubrec(b, packets.Success))
	got(t, "c", Finished)(s.Pubrec(c, packets.QuotaExceeded))
	same(t, resent(s), []string{"d"})
	same(t, s.Available(), 1) // PUBREL of b and PUBLISH of d
	got(t, "", Finished)(s.Pubcomp(b))
	same(t, s.Available(), 2)
}
