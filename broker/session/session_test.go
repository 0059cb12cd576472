package session

import (
	"bytes"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

func text(topic, payload string, qos packets.QoS) *Message {
	return NewMessage(&packets.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: qos, PacketID: 1})
}

// nobody is an owner whose lines the test flushes itself.
type nobody struct{}

func (nobody) Flush(*Line) {}
func (nobody) Relieved()   {}

func open(limit int, receiveMaximum uint16) (*Outbox, *Line) {
	o := NewOutbox(NewBudget(Limits{Messages: 1000, Bytes: limit}))
	return o, attach(o, receiveMaximum)
}

// attach takes the CONNACK out, too.
func attach(o *Outbox, receiveMaximum uint16) *Line {
	l := o.Attach(Peer{Version: packets.V5, ReceiveMaximum: receiveMaximum}, &packets.Connack{}, nobody{}, new(Turn))
	l.Take(new(Batch))
	return l
}

// waiting is how many entries are in the queues, and what they cost.
func waiting(o *Outbox) (n, bytes int) {
	n = o.queue.len()
	if o.replays != nil {
		n += o.replays.front.len()
	}
	return n, o.bytes
}

func payloads(b *Batch) (all []string) {
	for _, d := range b.Messages {
		all = append(all, string(d.Message.Publish.Payload))
		d.Message.Release()
	}
	return all
}

// What a message counts is what comes out of AppendHead and the payload, for all
// pairs of QoS and version, with identifiers and with an alias.
func TestPacketSize(t *testing.T) {
	for _, v := range []packets.Version{packets.V31, packets.V311, packets.V5} {
		for from := range packets.QoS(3) {
			for to := range from + 1 {
				for n := range 140 {
					sizes(t, v, from, to, n, nil)
					sizes(t, v, from, to, n, []uint32{1, 127, 128, 268435455})
				}
				sizes(t, v, from, to, 20_000, []uint32{300})
			}
		}
	}
}

func sizes(t *testing.T, v packets.Version, from, to packets.QoS, n int, identifiers []uint32) {
	t.Helper()
	p := packets.Publish{Topic: []byte("topic"), Payload: make([]byte, n), QoS: from, PacketID: 1}
	p.Props.SetMessageExpiryInterval(5)
	p.Props.SetContentType(bytes.Repeat([]byte("x"), n))
	m := NewMessage(&p)
	defer m.Release()
	m.Received(time.Now())
	d := Delivery{Message: m, PacketID: 7, Left: 4, Terms: Terms{QoS: to, Identifiers: identifiers}}
	for _, aliases := range []uint16{0, 1} {
		l := NewOutbox(NewBudget(Limits{})).Attach(Peer{Version: v, TopicAliasMaximum: aliases}, &packets.Connack{}, nobody{}, new(Turn))
		want := m.packetSize(v, d.Terms, aliasSize*int(aliases))
		head, payload := new(Encoder).Append(nil, l, &d)
		if got := len(head) + len(payload); got != want {
			t.Errorf("%s, QoS %d to %d, %d bytes, %d aliases: %d, want %d", v, from, to, n, aliases, got, want)
		}
	}
}

func TestDecodeReleasesWhatIsBroken(t *testing.T) {
	f := frame.Copy([]byte{0, 5, 'a'})
	if m, err := Decode(f, 0x30, packets.V5); err == nil {
		t.Errorf("decoded %v", m)
	}
	defer func() {
		if recover() == nil {
			t.Error("the frame is still held")
		}
	}()
	f.Release()
}

func TestMessageOutlivesItsPublisher(t *testing.T) {
	o, l := open(1000, 10)
	m := text("t", "payload", 0)
	o.Push(m, Terms{QoS: 0}, new(Turn))
	m.Release()
	var b Batch
	if l.Take(&b); !slices.Equal(payloads(&b), []string{"payload"}) {
		t.Errorf("took %v", b)
	}
	l.Close(nil, false, new(Turn))
	if l.Take(&b) != Over {
		t.Error("took something of nothing")
	}
}

func TestOutboxIsBounded(t *testing.T) {
	one := text("t", "x", 1)
	defer one.Release()
	o, l := open(3*one.Cost(), 10)
	for range 3 {
		if p, _ := o.Push(one, Terms{QoS: 1}, new(Turn)); p != Queued {
			t.Fatalf("pushed: %d", p)
		}
	}
	for i := range uint64(3) {
		if p, lost := o.Push(one, Terms{QoS: 0}, new(Turn)); p != Dropped || lost != (Loss{QueueFull, 1, i + 1}) {
			t.Errorf("QoS 0: %d, %v", p, lost)
		}
	}
	if p, lost := o.Push(one, Terms{QoS: 1}, new(Turn)); p != Overflow || lost.Total != 4 {
		t.Errorf("QoS 1: %d, %v", p, lost)
	}
	if n, bytes := waiting(o); n != 3 || bytes != 3*one.Cost() {
		t.Errorf("%d messages, %d bytes wait", n, bytes)
	}
	o.End()
	l.Close(nil, false, new(Turn))
	if n, bytes := waiting(o); n != 0 || bytes != 0 {
		t.Errorf("%d messages, %d bytes wait after End", n, bytes)
	}
	if p, _ := o.Push(one, Terms{QoS: 1}, new(Turn)); p != Gone {
		t.Errorf("after End: %d", p)
	}
	if refs := one.refs.Load(); refs != 1 {
		t.Errorf("%d references", refs)
	}
}

// Close with flush sends what need not wait for the peer, then the last packet.
func TestCloseFlushes(t *testing.T) {
	o, l := open(1<<20, 1)
	for i, qos := range []packets.QoS{0, 1, 0, 1, 0} {
		m := text("t", strconv.Itoa(i), qos)
		o.Push(m, Terms{QoS: qos}, new(Turn))
		m.Release()
	}
	l.Close(&packets.Disconnect{Reason: packets.ServerShuttingDown}, true, new(Turn))
	var b Batch
	if l.Take(&b); !slices.Equal(payloads(&b), []string{"0", "1", "2"}) {
		t.Error("not what can be sent")
	}
	if l.Take(&b) != Filled || len(b.Messages) != 0 || !slices.Equal(b.Control, []byte{0xe0, 1, 0x8b}) {
		t.Errorf("then %x", b.Control)
	}
	if l.Take(&b) != Over {
		t.Error("something comes after the last packet")
	}
	l.Close(nil, false, new(Turn))
}

// The room of a large answer is not kept.
func TestLargeControlPacketIsForgotten(t *testing.T) {
	_, l := open(1<<20, 10)
	var b Batch
	for _, n := range []int{100_000, 1} {
		l.Control(&packets.Suback{PacketID: 1, Reasons: make([]packets.ReasonCode, n)}, new(Turn))
		l.Take(&b)
	}
	if l.Take(&b) != Idle || l.control != nil || b.Control != nil || b.buffer != nil {
		t.Error("an idle line has memory for control packets")
	}
}

// Retained messages stand where their subscription stood.
func TestReplayKeepsItsPlace(t *testing.T) {
	o, l := open(1<<20, 10)
	push := func(s string) {
		m := text("t", s, 1)
		o.Push(m, Terms{QoS: 1}, new(Turn))
		m.Release()
	}
	push("before")
	o.Replay(Replay{Filter: "f"}, new(Turn))
	push("after")
	var b Batch
	l.Take(&b)
	if got := payloads(&b); !slices.Equal(got, []string{"before"}) || b.Replay == nil || b.Replay.Filter != "f" {
		t.Fatalf("%q, %v", got, b.Replay)
	}
	o.Expand(b.Replay, []*Message{text("t", "retained", 2)}, nil, "", new(Turn))
	l.Take(&b)
	if d := b.Messages[0]; !d.Retain || d.QoS != 0 || d.PacketID != 0 {
		t.Errorf("delivered %+v", d)
	}
	if got := payloads(&b); !slices.Equal(got, []string{"retained", "after"}) {
		t.Errorf("%q", got)
	}
	if n, bytes := waiting(o); n != 0 || bytes != 0 { // retained messages count nothing
		t.Errorf("%d messages, %d bytes wait", n, bytes)
	}
}

// Retained messages come in portions, each when the one before has gone.
func TestReplayInPortions(t *testing.T) {
	o, l := open(1<<20, 1)
	o.Replay(Replay{Filter: "f", Terms: Terms{QoS: 1}}, new(Turn))
	var b Batch
	l.Take(&b)
	o.Expand(b.Replay, []*Message{text("1", "one", 1), text("2", "two", 1)}, nil, "2", new(Turn))
	l.Take(&b)
	if got := payloads(&b); !slices.Equal(got, []string{"one"}) || b.Replay != nil {
		t.Fatalf("%q, %v, though the peer has not acknowledged", got, b.Replay)
	}
	o.Puback(1, new(Turn))
	l.Take(&b)
	o.Puback(2, new(Turn))
	if got := payloads(&b); !slices.Equal(got, []string{"two"}) {
		t.Fatalf("%q", got)
	}
	if b.Replay == nil {
		l.Take(&b)
	}
	if b.Replay == nil || b.Replay.After != "2" {
		t.Fatalf("%v is not the next portion", b.Replay)
	}
	o.Expand(b.Replay, nil, nil, "", new(Turn))
	l.Close(nil, true, new(Turn))
	if l.Take(&b) != Over {
		t.Errorf("took %v", b)
	}
}

// A filter has one place, however many of its replays wait there, one after the
// other.
func TestReplaysOfAFilter(t *testing.T) {
	o, l := open(1<<20, 10)
	o.Replay(Replay{Filter: "f"}, new(Turn)) // holds the place, with nothing to bring
	for i := range uint64(1000) {
		o.Replay(Replay{Filter: "f", Until: 1 + i}, new(Turn))
	}
	if n, _ := waiting(o); n != 1 {
		t.Errorf("%d wait", n)
	}
	var b Batch
	l.Take(&b)
	o.Expand(b.Replay, nil, nil, "x", new(Turn))
	if l.Take(&b); b.Replay.Until != 1 || b.Replay.After != "x" {
		t.Errorf("%v", b.Replay)
	}
	for range 999 { // and from the beginning
		o.Expand(b.Replay, nil, nil, "", new(Turn))
		if l.Take(&b); b.Replay.Until != 1000 || b.Replay.After != "" {
			t.Fatalf("%v", b.Replay)
		}
	}
	o.Expand(b.Replay, nil, nil, "", new(Turn))
	if n, _ := waiting(o); n != 0 && o.queue.first().place.replay != nil {
		t.Errorf("%d wait", n)
	}
}

// The next connection still gets the replays above QoS 0 of those that wait.
func TestReplaysOutliveTheConnection(t *testing.T) {
	o, l := open(1<<20, 10)
	for qos := range packets.QoS(2) {
		o.Replay(Replay{Filter: "f", Terms: Terms{QoS: qos}, Until: 1}, new(Turn))
	}
	l.Abandon()
	if n, _ := waiting(o); n != 1 || o.queue.first().place.replay.QoS != 1 {
		t.Errorf("%d wait", n)
	}
}

// Who subscribes and unsubscribes on and on takes no memory for that.
func TestCancelledReplaysAreGone(t *testing.T) {
	o, _ := open(1<<20, 10)
	o.Replay(Replay{Filter: "kept"}, new(Turn))
	m := text("t", "m", 0)
	defer m.Release()
	o.Push(m, Terms{}, new(Turn))
	for i := range 10_000 {
		f := strconv.Itoa(i)
		o.Replay(Replay{Filter: f}, new(Turn))
		o.Cancel(f)
	}
	if n, _ := waiting(o); n > 2*keepEmpty || o.replays.places() >= n || o.replays.wanted["kept"] != o.queue.first().place {
		t.Errorf("%d wait, %d places", n, o.replays.places())
	}
}

// What was looked up for a line that is gone is for the next, which waits for it.
func TestReplayForTheNextLine(t *testing.T) {
	o, l := open(1<<20, 10)
	o.Replay(Replay{Filter: "f", Terms: Terms{QoS: 1}}, new(Turn))
	var b Batch
	l.Take(&b)
	l.Close(nil, false, new(Turn))
	l = attach(o, 10)
	if l.Take(new(Batch)) != Idle {
		t.Error("the next line does not wait")
	}
	var turn Turn
	o.Expand(b.Replay, []*Message{text("f", "x", 1)}, nil, "", &turn)
	if !slices.Equal(turn.due, []*Line{l}) {
		t.Error("nobody tells the next line")
	}
	if l.Take(&b); !slices.Equal(payloads(&b), []string{"x"}) {
		t.Errorf("took %v", b)
	}
}

// Nothing is looked up for a line that closes.
func TestCloseEndsReplays(t *testing.T) {
	o, l := open(1<<20, 10)
	o.Replay(Replay{Filter: "f"}, new(Turn))
	o.Replay(Replay{Filter: "g", Terms: Terms{QoS: 1}}, new(Turn))
	m := text("t", "behind", 0)
	o.Push(m, Terms{}, new(Turn))
	m.Release()
	l.Close(nil, true, new(Turn))
	var b Batch
	if l.Take(&b); !slices.Equal(payloads(&b), []string{"behind"}) || b.Replay != nil {
		t.Errorf("took %v", b)
	}
	if l.Take(&b) != Over || o.replays != nil {
		t.Errorf("%v is left", o.replays)
	}
}

// What waits for the next connection is what QoS 1 and 2 owe.
func TestReplaysOutliveTheLine(t *testing.T) {
	o, l := open(1<<20, 10)
	o.Replay(Replay{Filter: "0"}, new(Turn))
	o.Replay(Replay{Filter: "1", Terms: Terms{QoS: 1}}, new(Turn))
	l.Close(nil, false, new(Turn))
	l = o.Attach(Peer{Version: packets.V5, ReceiveMaximum: 10}, &packets.Connack{}, nobody{}, new(Turn))
	var b Batch
	if l.Take(&b); b.Replay == nil || b.Replay.Filter != "1" || o.replays.places() != 1 {
		t.Errorf("%v, %d places", b.Replay, o.replays.places())
	}
}

// The queue against a slice, with numbers as messages.
func TestQueueAgainstOracle(t *testing.T) {
	var q queue
	var want []int
	next, moves := 0, 0
	for round := range 2000 {
		grow := round/200%2 == 0
		for range 1 + round%7 {
			if grow || round%3 == 0 {
				q.push(entry{cost: next})
				want = append(want, next)
				next++
			}
			if len(want) > 0 && (!grow || round%2 == 0) {
				if e := q.pop(); e.cost != want[0] {
					t.Fatalf("popped %d, want %d", e.cost, want[0])
				}
				want = want[1:]
				moves++
			}
		}
		if q.len() != len(want) {
			t.Fatalf("length %d, want %d", q.len(), len(want))
		}
		if len(want) == 0 && (q.head != nil || q.tail != nil) {
			t.Fatal("an empty queue has memory")
		}
	}
	if moves < 1000 {
		t.Errorf("only %d popped", moves)
	}
}

// Memory follows what is in the queue, not what has gone through it.
func TestQueueDoesNotCreep(t *testing.T) {
	var q queue
	for range 10 {
		q.push(entry{})
	}
	for range 100_000 {
		q.push(entry{})
		q.pop()
	}
	n := 0
	for c := q.head; c != nil; c = c.next {
		n++
	}
	if n > 3 {
		t.Errorf("room for %d, 10 are in it", n*chunkSize)
	}
}
