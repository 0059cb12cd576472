package flow

import (
	"fmt"
	"slices"

	"github.com/fletchmq/fletch/packets"
)

// world is a Sender and a Receiver with a FIFO channel each way, a sending and
// a receiving application, and the book in which the promises of the standard
// are kept by other means than those of the code under test.
type world struct {
	plan *plan
	s    Sender[int] // M is the message's number; 0 is none
	r    Receiver
	toR  []wirePacket
	toS  []wirePacket
	todo []task // delivered to the application, which has not said Done

	begun, breaks, dups int
	window              int

	msgs     []track      // message n at n-1
	recOrder []int        // messages that wait for PUBCOMP, by PUBREC
	arrivals []wirePacket // PUBLISHes of this connection owed an acknowledgement
	lastSent int          // last PUBLISH of this connection
	lastNew  int          // last message delivered for the first time
	err      error
}

// plan is what happens in a world, but for the order.
type plan struct {
	kinds   []kind
	windows []int // the Receive Maximum of a connection is one of them
	breaks  int
	dups    int // packets of QoS 2 that come twice, as timers of 3.1 clients do
}

type kind struct {
	qos     packets.QoS
	refused bool // by the receiving application
}

type wirePacket struct {
	name   byte // P(UBLISH) A(CK) R(EC) L(REL) C(OMP)
	qos    packets.QoS
	id     uint16
	m      int
	reason packets.ReasonCode
}

type task struct {
	rc Receipt
	m  int
}

// track is the book's page of one message.
type track struct {
	id                                   OutID // while it is in use
	counted                              bool  // against the quota of this connection
	delivered                            uint8
	released, finished, accepted, backed bool
}

func newWorld(p *plan) *world {
	w := &world{plan: p, msgs: make([]track, len(p.kinds)), breaks: p.breaks, dups: p.dups}
	w.s.last = 65533                      // identifiers wrap soon
	w.r.head, w.r.tail = 1<<32-2, 1<<32-2 // and sequence numbers
	w.connect(p.windows[len(p.windows)-1])
	return w
}

func (w *world) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// steps is the number of things that can happen now; step does the i-th. The
// breaks come last, so that quiet says whether anything else can.
func (w *world) steps() int { return w.inner() + w.outer() }

func (w *world) inner() int {
	return b2i(len(w.toR) > 0) + b2i(len(w.toS) > 0) + b2i(w.canBegin()) + b2i(w.canResend()) + b2i(w.canAck()) + len(w.todo)
}

func (w *world) canBegin() bool { return w.begun < len(w.msgs) && w.s.Available() > 0 }

func (w *world) canResend() bool { return w.sender().resend != 0 && w.counted() < w.window }

func (w *world) canAck() bool {
	for seq := w.r.head; seq != w.r.tail && w.r.at(seq).done; seq++ {
		if w.r.at(seq).qos != packets.AtMostOnce {
			return true
		}
	}
	return false
}

func (w *world) outer() int {
	return b2i(w.breaks > 0)*len(w.plan.windows) + b2i(w.canDup(w.toR)) + b2i(w.canDup(w.toS))
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *world) step(i int) string {
	enabled := func(b bool) bool { i -= b2i(b); return b && i == -1 }
	switch {
	case enabled(len(w.toR) > 0):
		p := w.toR[0]
		w.toR = slices.Delete(w.toR, 0, 1)
		w.receiverGets(p)
		return fmt.Sprintf("receiver gets %c id=%d", p.name, p.id)
	case enabled(len(w.toS) > 0):
		p := w.toS[0]
		w.toS = slices.Delete(w.toS, 0, 1)
		w.senderGets(p)
		return fmt.Sprintf("sender gets %c id=%d reason=%#x", p.name, p.id, p.reason)
	case enabled(w.canBegin()):
		w.begin()
		return fmt.Sprintf("begin %d", w.begun)
	case enabled(w.canResend()):
		w.resend()
		return fmt.Sprintf("send %d again", w.lastSent)
	case enabled(w.canAck()):
		w.ack()
		return "receiver acknowledges"
	case i < len(w.todo):
		t := w.todo[i]
		w.todo = slices.Delete(w.todo, i, i+1)
		w.done(t)
		return fmt.Sprintf("done %d", t.m)
	}
	i -= len(w.todo)
	if w.breaks > 0 && i < len(w.plan.windows) {
		w.breaks--
		w.connect(w.plan.windows[i])
		return fmt.Sprintf("break, resume with window %d", w.window)
	}
	i -= b2i(w.breaks > 0) * len(w.plan.windows)
	toR := enabled(w.canDup(w.toR))
	w.dups--
	if toR {
		w.toR = slices.Insert(w.toR, 0, w.toR[0])
		return "duplicate to receiver"
	}
	w.toS = slices.Insert(w.toS, 0, w.toS[0])
	return "duplicate to sender"
}

// canDup: what is refused is over with the first PUBREC, and may not come twice.
func (w *world) canDup(c []wirePacket) bool {
	return w.dups > 0 && len(c) > 0 && c[0].qos == packets.ExactlyOnce && c[0].reason < 0x80 &&
		(c[0].m == 0 || !w.plan.kinds[c[0].m-1].refused)
}

func (w *world) connect(window int) {
	w.window = window
	w.toR, w.toS, w.arrivals, w.lastSent = w.toR[:0], w.toS[:0], w.arrivals[:0], 0
	for i := range w.msgs {
		w.msgs[i].counted = false
	}
	w.s.Resume(uint16(window))
	w.r.Resume(uint16(window))
	var n int
	for id := range w.s.Releases() { // [MQTT-4.6.0-4]
		if n >= len(w.recOrder) || w.msgs[w.recOrder[n]-1].id != id {
			w.fail("PUBREL %d is not that of the next PUBREC in %v", id, w.recOrder)
			return
		}
		w.msgs[w.recOrder[n]-1].counted = true
		w.sendPubrel(id)
		n++
	}
	if n != len(w.recOrder) {
		w.fail("%d PUBRELs sent again, owed are %v", n, w.recOrder)
	}
}

func (w *world) resend() {
	e, ok := w.s.Resend()
	if !ok || e.M == 0 || w.msgs[e.M-1].id != e.ID || e.QoS() != w.plan.kinds[e.M-1].qos {
		w.fail("to be sent again: %+v, %v, which is not what was sent", e, ok)
		return
	}
	w.sendPublish(e.ID, e.M)
}

func (w *world) begin() {
	w.begun++
	m := w.begun
	id, ok := w.s.Begin(w.plan.kinds[m-1].qos, m)
	if !ok || id == 0 {
		w.fail("Begin refuses with quota available")
		return
	}
	if other := w.byID(id); other != 0 { // [MQTT-2.2.1-3]
		w.fail("identifier %d given to %d is in use by %d", id, m, other)
	}
	w.msgs[m-1].id = id
	w.sendPublish(id, m)
}

func (w *world) sendPublish(id OutID, m int) {
	t := &w.msgs[m-1]
	if t.released { // [MQTT-4.3.3-6]
		w.fail("PUBLISH of %d after its PUBREL", m)
	}
	if m <= w.lastSent { // [MQTT-4.6.0-1]
		w.fail("PUBLISH of %d after that of %d", m, w.lastSent)
	}
	w.lastSent, t.counted = m, true
	if n := w.counted(); n > w.window { // [MQTT-3.3.4-7]
		w.fail("%d PUBLISHes not acknowledged, Receive Maximum is %d", n, w.window)
	}
	w.toR = append(w.toR, wirePacket{'P', w.plan.kinds[m-1].qos, uint16(id), m, 0})
}

func (w *world) sendPubrel(id OutID) {
	w.toR = append(w.toR, wirePacket{name: 'L', qos: packets.ExactlyOnce, id: uint16(id)})
}
