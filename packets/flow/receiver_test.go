package flow

import (
	"math/rand/v2"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

func receiver(receiveMaximum uint16) *Receiver {
	r := new(Receiver)
	r.Resume(receiveMaximum)
	return r
}

func arrive(t *testing.T, r *Receiver, id InID, qos packets.QoS, want Arrival) Receipt {
	t.Helper()
	rc, a := r.Publish(id, qos)
	if a != want || (rc != Receipt{}) != (want == Deliver) {
		t.Errorf("PUBLISH %d at QoS %d: arrival %d, want %d", id, qos, a, want)
	}
	return rc
}

func acks(r *Receiver) (all []Ack) {
	for a, ok := r.Next(); ok; a, ok = r.Next() {
		all = append(all, a)
	}
	return all
}

const (
	once    = packets.AtLeastOnce
	exactly = packets.ExactlyOnce
)

// [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT-4.3.2-4] [MQTT-4.3.3-8]
// [MQTT3-4.6.0-2] [MQTT3-4.6.0-3] [MQTT3-4.3.2-2]
func TestReceiverAcknowledgesInOrderOfArrival(t *testing.T) {
	r := receiver(10)
	a, b := arrive(t, r, 30, once, Deliver), arrive(t, r, 20, exactly, Deliver)
	c, d := arrive(t, r, 10, once, Deliver), arrive(t, r, 40, exactly, Deliver)
	r.Done(d, packets.Success)
	r.Done(b, packets.NoMatchingSubscribers)
	same(t, acks(r), []Ack(nil))
	r.Done(a, packets.QuotaExceeded)
	r.Done(a, packets.Success) // a second time
	same(t, acks(r), []Ack{{30, once, packets.QuotaExceeded}, {20, exactly, packets.NoMatchingSubscribers}})
	r.Done(c, packets.Success)
	same(t, acks(r), []Ack{{10, once, 0}, {40, exactly, 0}})
}

// [MQTT-3.3.4-7] [MQTT-3.3.4-9], section 4.9
func TestReceiverHoldsPeerToReceiveMaximum(t *testing.T) {
	r := receiver(2)
	a, b := arrive(t, r, 1, once, Deliver), arrive(t, r, 2, exactly, Deliver)
	arrive(t, r, 3, once, Excess)
	arrive(t, r, 3, exactly, Excess)
	arrive(t, r, 2, exactly, Duplicate) // it is counted already
	r.Done(a, packets.Success)
	arrive(t, r, 3, once, Excess) // done, but PUBACK is not sent
	acks(r)
	c := arrive(t, r, 3, exactly, Deliver)
	r.Done(b, packets.Success)
	acks(r)
	arrive(t, r, 4, once, Excess) // until PUBCOMP
	r.Done(c, packets.QuotaExceeded)
	acks(r)
	arrive(t, r, 4, once, Deliver) // PUBREC refusing is enough
	same(t, r.Pubrel(2), packets.Success)
	arrive(t, r, 5, once, Deliver)
	same(t, r.Open(), 2)
	if _, arrival := new(Receiver).Publish(1, once); arrival != Excess {
		t.Error("PUBLISH before the first connection is not refused")
	}
}

// [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT-4.3.3-12] [MQTT3-4.3.3-2]
func TestReceiverDeliversQoS2Once(t *testing.T) {
	r := receiver(10)
	rec := []Ack{{7, exactly, 0}}
	rc := arrive(t, r, 7, exactly, Deliver)
	arrive(t, r, 7, exactly, Duplicate)
	same(t, acks(r), []Ack(nil))
	r.Done(rc, packets.Success)
	same(t, acks(r), rec) // one for both
	arrive(t, r, 7, exactly, Duplicate)
	same(t, acks(r), rec)
	same(t, r.Pubrel(7), packets.Success)
	same(t, r.Pubrel(7), packets.PacketIdentifierNotFound)
	arrive(t, r, 7, exactly, Deliver)
	r.Done(rc, packets.Success) // that of the first message
	same(t, acks(r), []Ack(nil))
}

// [MQTT-4.3.3-9]
func TestReceiverRefusedIdentifierIsFree(t *testing.T) {
	r := receiver(10)
	r.Done(arrive(t, r, 7, exactly, Deliver), packets.QuotaExceeded)
	arrive(t, r, 7, exactly, Duplicate) // PUBREC is not sent yet
	same(t, acks(r), []Ack{{7, exactly, packets.QuotaExceeded}})
	arrive(t, r, 7, exactly, Deliver)
	same(t, r.Open(), 1)
}

// [MQTT-4.3.2-5] [MQTT3-4.3.2-2]; before PUBACK as well, see the package's
// documentation.
func TestReceiverQoS1IsAlwaysNew(t *testing.T) {
	r := receiver(10)
	a, b := arrive(t, r, 7, once, Deliver), arrive(t, r, 7, once, Deliver)
	q2 := arrive(t, r, 7, exactly, Deliver)
	c := arrive(t, r, 7, once, Deliver)
	for _, rc := range []Receipt{c, q2, b, a} {
		r.Done(rc, packets.Success)
	}
	same(t, acks(r), []Ack{{7, once, 0}, {7, once, 0}, {7, exactly, 0}, {7, once, 0}})
	same(t, r.Pubrel(7), packets.Success)
	same(t, r.Open(), 0)
}

func TestReceiverResume(t *testing.T) {
	r := receiver(10)
	q1, q2 := arrive(t, r, 1, once, Deliver), arrive(t, r, 2, exactly, Deliver)
	sent := arrive(t, r, 3, exactly, Deliver)
	refused := arrive(t, r, 4, exactly, Deliver)
	later := arrive(t, r, 5, exactly, Deliver)
	r.Done(sent, packets.Success)
	r.Done(refused, packets.QuotaExceeded)
	r.Resume(10)
	same(t, r.Open(), 0)
	r.Done(q1, packets.Success)
	same(t, acks(r), []Ack(nil)) // PUBACK of the old connection
	arrive(t, r, 1, once, Deliver)
	r.Done(later, packets.QuotaExceeded)
	arrive(t, r, 2, exactly, Duplicate)
	arrive(t, r, 3, exactly, Duplicate)
	arrive(t, r, 4, exactly, Deliver) // refused, never delivered: judged again
	arrive(t, r, 5, exactly, Deliver)
	same(t, r.Open(), 5)
	r.Resume(10)
	arrive(t, r, 2, exactly, Duplicate)
	r.Done(q2, packets.Success) // from two connections ago
	same(t, acks(r), []Ack{{2, exactly, 0}})
	same(t, r.Pubrel(3), packets.Success)
	r.Reset()
	r.Resume(10)
	same(t, r.Pubrel(2), packets.PacketIdentifierNotFound)
	arrive(t, r, 2, exactly, Deliver)
}

// Section 4.9 to the letter: PUBREL sent again uses no quota, its PUBCOMP
// gives one.
func TestReceiverIsPatientAfterResume(t *testing.T) {
	r := receiver(2)
	r.Done(arrive(t, r, 1, exactly, Deliver), packets.Success)
	acks(r)
	r.Resume(2)
	arrive(t, r, 2, once, Deliver)
	arrive(t, r, 3, once, Deliver)
	arrive(t, r, 4, once, Excess)
	arrive(t, r, 1, exactly, Excess) // by then it counts
	same(t, r.Pubrel(1), packets.Success)
	arrive(t, r, 4, once, Deliver)
	arrive(t, r, 5, once, Excess)
}

// A PUBREL before the PUBREC, or before that of a duplicate.
func TestReceiverPubrelOvertakesPubrec(t *testing.T) {
	r := receiver(3)
	first, rc := arrive(t, r, 1, once, Deliver), arrive(t, r, 7, exactly, Deliver)
	same(t, r.Pubrel(7), packets.Success)
	again := arrive(t, r, 7, exactly, Deliver)
	r.Done(rc, packets.Success)
	r.Done(first, packets.Success)
	same(t, acks(r), []Ack{{1, once, 0}})
	r.Done(again, packets.Success)
	same(t, acks(r), []Ack{{7, exactly, 0}})
	same(t, r.Pubrel(7), packets.Success)
	same(t, r.Open(), 0)
}

func TestReceiverRestore(t *testing.T) {
	r := receiver(10)
	r.Done(arrive(t, r, 7, exactly, Deliver), packets.Success)
	arrive(t, r, 8, exactly, Deliver)
	r.Done(arrive(t, r, 9, exactly, Deliver), packets.QuotaExceeded)
	var back Receiver
	for id, done := range r.Held() {
		if done != (id == 7) {
			t.Errorf("%d is done: %v", id, done)
		}
		if done && (!back.Restore(id) || back.Restore(id)) {
			t.Errorf("%d is not restored, or twice", id)
		}
	}
	back.Resume(10)
	arrive(t, &back, 7, exactly, Duplicate)
	same(t, acks(&back), []Ack{{7, exactly, 0}})
	arrive(t, &back, 8, exactly, Deliver)
}

func TestReceiverTrim(t *testing.T) {
	r := receiver(10)
	rc := arrive(t, r, 7, exactly, Deliver)
	r.Trim()
	r.Done(rc, packets.Success)
	same(t, acks(r), []Ack{{7, exactly, 0}})
	r.Trim()
	arrive(t, r, 7, exactly, Duplicate)
	acks(r)
	r.Pubrel(7)
	r.Trim()
	if r.ring != nil || r.held != nil {
		t.Error("memory is kept")
	}
	r.Done(rc, packets.Success)
	arrive(t, r, 7, exactly, Deliver)
}

func TestHeldAgainstMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, stride := range []InID{1, 2, 255, 256, 4096} {
		var s held
		want := map[InID]uint32{}
		for i := range uint32(20_000) {
			id := InID(rnd.IntN(64)) * stride
			h := s.find(id)
			if first, ok := want[id]; ok != (h != nil) || ok && h.first != first {
				t.Fatalf("stride %d: %d is held: %v, want %v", stride, id, h, ok)
			}
			if h == nil {
				s.add(hold{id: id, first: i})
				want[id] = i
			} else {
				s.remove(id)
				delete(want, id)
			}
			if s.n != len(want) {
				t.Fatalf("%d held, want %d", s.n, len(want))
			}
		}
	}
}

// A message that is not taken over is delivered when it comes again, on the next
// connection, and so is what was behind it.
func TestReceiverRetracts(t *testing.T) {
	r := receiver(10)
	a, b := arrive(t, r, 1, exactly, Deliver), arrive(t, r, 2, exactly, Deliver)
	kept, taken := arrive(t, r, 3, exactly, Deliver), arrive(t, r, 4, exactly, Deliver)
	r.Done(taken, packets.Success)
	same(t, r.Retract(a), false)
	same(t, r.Retract(taken), false)
	same(t, acks(r), []Ack(nil))

	r.Resume(10)
	arrive(t, r, 2, exactly, Duplicate)
	same(t, r.Retract(b), true) // too late for this connection
	same(t, r.Retract(b), false)
	r.Resume(10)
	again := arrive(t, r, 1, exactly, Deliver)
	same(t, r.Retract(a), false) // it is another message now
	r.Done(again, packets.Success)
	r.Done(arrive(t, r, 2, exactly, Deliver), packets.Success)
	arrive(t, r, 3, exactly, Duplicate)
	arrive(t, r, 4, exactly, Duplicate)
	r.Done(kept, packets.Success)
	same(t, acks(r), []Ack{{1, exactly, 0}, {2, exactly, 0}, {3, exactly, 0}, {4, exactly, 0}})
}
