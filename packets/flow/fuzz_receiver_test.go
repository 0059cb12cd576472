package flow

import (
	"slices"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// FuzzReceiver: a peer of no manners cannot make more open than was announced,
// nor have a QoS 2 message delivered twice, nor the acknowledgements out of
// order, nor one too many.
func FuzzReceiver(f *testing.F) {
	f.Add([]byte{0, 4, 1, 0, 2, 0, 2, 1, 3, 2, 5, 2, 4, 0, 0, 1, 7, 0, 7, 0})
	f.Add([]byte{0, 9, 2, 0, 2, 0, 2, 3, 3, 1, 4, 1, 0, 1, 2, 0, 3, 0, 4, 0, 5, 0})
	f.Fuzz(receiverBehaves)
}

// TestReceiverAtRandom is FuzzReceiver for a while, with longer runs.
func TestReceiverAtRandom(t *testing.T) { atRandom(t, receiverBehaves) }

func receiverBehaves(t *testing.T, ops []byte) {
	c := crowd{held: map[InID]bool{}}
	for ; len(ops) >= 2; ops = ops[2:] {
		c.step(t, ops[0]%8, ops[1])
		if c.r.Open() > c.limit {
			t.Fatalf("%d open of %d", c.r.Open(), c.limit)
		}
		held := 0
		for id := range c.r.Held() {
			held++
			if !c.held[id] {
				t.Fatalf("%d is held", id)
			}
		}
		if held != len(c.held) {
			t.Fatalf("%d identifiers held, want %d", held, len(c.held))
		}
	}
	c.finish(t)
}

// crowd is a Receiver and what an onlooker knows of it.
type crowd struct {
	r        Receiver
	limit    int           // Receive Maximum, and one more for each PUBREL of an earlier connection
	receipts []Receipt     // all there ever were
	held     map[InID]bool // identifiers under way at QoS 2
	owed     []Ack         // in the order of arrival; those PUBREL made void are not there
}

func (c *crowd) step(t *testing.T, op, arg byte) {
	id := InID(arg % 8)
	switch op {
	case 0:
		c.r.Resume(uint16(arg % 10))
		c.limit, c.owed = int(arg%10), nil
		clear(c.held)
		for id := range c.r.Held() { // without the refused ones
			c.held[id] = true
		}
	case 1, 2:
		c.publish(t, id, packets.QoS(op))
	case 3, 4:
		if len(c.receipts) > 0 {
			c.r.Done(c.receipts[int(arg&0x7f)%len(c.receipts)], packets.ReasonCode(arg&0x80))
			c.drop()
		}
	case 5, 6:
		c.next(t)
	case 7:
		before := c.r.Open()
		if reason := c.r.Pubrel(id); (reason == packets.Success) != c.held[id] {
			t.Fatalf("PUBREL %d: %#x", id, reason)
		}
		if c.held[id] && c.r.Open() == before {
			c.limit++
		}
		delete(c.held, id)
		c.owed = slices.DeleteFunc(c.owed, func(a Ack) bool { return a.QoS == exactly && a.ID == id })
	}
}

func (c *crowd) publish(t *testing.T, id InID, qos packets.QoS) {
	open := c.r.Open()
	rc, arrival := c.r.Publish(id, qos)
	duplicate := qos == exactly && c.held[id]
	switch arrival {
	case Excess:
		if open < c.limit {
			t.Fatalf("refused with %d open of %d", open, c.limit)
		}
		return
	case Duplicate:
		if !duplicate {
			t.Fatalf("%d taken for a duplicate", id)
		}
	case Deliver:
		if duplicate {
			t.Fatalf("%d delivered twice", id)
		}
		c.receipts = append(c.receipts, rc)
	}
	if qos == exactly {
		c.held[id] = true
	}
	waits := func(a Ack) bool { return a.QoS == exactly && a.ID == id }
	if qos == once || !slices.ContainsFunc(c.owed, waits) {
		c.owed = append(c.owed, Ack{ID: id, QoS: qos})
	}
}

// drop forgets an identifier refused while no PUBREC was owed: only those of
// earlier connections are.
func (c *crowd) drop() {
	still := map[InID]bool{}
	for id := range c.r.Held() {
		still[id] = true
	}
	for id := range c.held {
		waits := func(a Ack) bool { return a.QoS == exactly && a.ID == id }
		if !still[id] && !slices.ContainsFunc(c.owed, waits) {
			delete(c.held, id)
		}
	}
}

func (c *crowd) next(t *testing.T) bool {
	a, ok := c.r.Next()
	if !ok {
		return false
	}
	if len(c.owed) == 0 || c.owed[0].ID != a.ID || c.owed[0].QoS != a.QoS {
		t.Fatalf("acknowledges %+v, owed are %+v", a, c.owed)
	}
	if c.owed = c.owed[1:]; a.QoS == exactly && a.Reason >= packets.UnspecifiedError {
		delete(c.held, a.ID)
	}
	return true
}

// finish settles everything: nothing may be left.
func (c *crowd) finish(t *testing.T) {
	for _, rc := range c.receipts {
		c.r.Done(rc, packets.Success)
		c.drop()
	}
	for c.next(t) {
	}
	for id := range c.held {
		c.r.Pubrel(id)
	}
	if len(c.owed) > 0 || c.r.Open() != 0 {
		t.Fatalf("%+v are owed, %d open at the end", c.owed, c.r.Open())
	}
}
