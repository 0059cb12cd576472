package flow

import (
	"encoding/binary"
	"slices"

	"github.com/fletchmq/fletch/packets"
)

// byID is the message that uses an identifier, 0 for none.
func (w *world) byID(id OutID) int {
	return 1 + slices.IndexFunc(w.msgs, func(t track) bool { return t.id == id && id != 0 })
}

func (w *world) counted() (n int) {
	for i := range w.msgs {
		n += b2i(w.msgs[i].counted)
	}
	return n
}

// check compares the account of the code with the book's, at every state.
func (w *world) check() error {
	n, waiting := w.counted(), 0
	for _, t := range w.msgs {
		waiting += b2i(t.id != 0 && !t.counted)
	}
	available := max(0, w.window-n)
	if waiting > 0 { // to be sent again, before anything new
		available = 0
	}
	if int(w.sender().used) != n || w.s.Available() != available {
		w.fail("quota: %d used, %d available; in flight on this connection %d, to be sent again %d, window %d",
			w.sender().used, w.s.Available(), n, waiting, w.window)
	}
	if available == 0 {
		w.checkRefusal(n)
	}
	if !w.canAck() && w.r.head != w.r.tail {
		if a, ok := w.probe().r.Next(); ok {
			w.fail("acknowledges %+v before its turn", a)
		}
	}
	if w.inner() == 0 {
		w.checkEnd()
	}
	return w.err
}

// sender is what the Sender has, nothing if there was nothing yet.
func (w *world) sender() (x exchanges[int]) {
	if w.s.exchanges != nil {
		x = *w.s.exchanges
	}
	return x
}

// checkRefusal tries what must not be possible now, with n PUBLISHes in flight.
func (w *world) checkRefusal(n int) {
	if id, ok := w.probe().s.Begin(packets.AtLeastOnce, 99); ok {
		w.fail("new message %d is not refused with %d in flight", id, n)
	}
	if e, ok := w.probe().s.Resend(); ok && n >= w.window {
		w.fail("%+v is sent again with %d in flight, window %d", e, n, w.window)
	}
}

// probe is a world to try something in.
func (w *world) probe() *world {
	p := new(world)
	p.copyFrom(w)
	return p
}

// checkEnd is for a state in which nothing but a break can happen.
func (w *world) checkEnd() {
	for i, t := range w.msgs {
		if !t.finished || !t.backed || t.delivered == 0 || t.accepted == w.plan.kinds[i].refused {
			w.fail("stuck with %d: %+v", i+1, t)
		}
	}
	if w.s.Available() != w.window || w.s.InFlight() != 0 {
		w.fail("quota is %d of %d at the end, %d in flight", w.s.Available(), w.window, w.s.InFlight())
	}
	held := 0
	for range w.r.Held() {
		held++
	}
	if w.r.Open() != 0 || held != 0 {
		w.fail("receiver has %d open and %d identifiers held at the end", w.r.Open(), held)
	}
}

// copyFrom reuses the memory of w.
func (w *world) copyFrom(o *world) {
	old := *w
	*w = *o
	if o.s.exchanges != nil {
		x := old.s.exchanges
		if x == nil {
			x = new(exchanges[int])
		}
		slots := append(x.slots[:0], o.s.slots...)
		*x = *o.s.exchanges
		x.slots = slots
		w.s.exchanges = x
	}
	if o.r.ring != nil {
		r := old.r.ring
		if r == nil {
			r = new(ring)
		}
		r.places = append(r.places[:0], o.r.ring.places...)
		w.r.ring = r
	}
	if o.r.held != nil {
		h := old.r.held
		if h == nil {
			h = new(held)
		}
		h.n, h.slots = o.r.held.n, append(h.slots[:0], o.r.held.slots...)
		w.r.held = h
	}
	w.toR = append(old.toR[:0], o.toR...)
	w.toS = append(old.toS[:0], o.toS...)
	w.todo = append(old.todo[:0], o.todo...)
	w.msgs = append(old.msgs[:0], o.msgs...)
	w.recOrder = append(old.recOrder[:0], o.recOrder...)
	w.arrivals = append(old.arrivals[:0], o.arrivals...)
}

// key is the state without what cannot be told from outside: places in tables,
// sequence numbers, receipts that are worth nothing any more.
func (w *world) key(b []byte) []byte {
	num := func(n int) { b = binary.AppendUvarint(b, uint64(n)) }
	wire := func(ps []wirePacket) {
		num(len(ps))
		for _, p := range ps {
			b = append(b, p.name, byte(p.qos), byte(p.m), byte(p.reason), byte(p.id), byte(p.id>>8))
		}
	}
	for _, n := range [...]int{
		w.begun, w.breaks, w.dups, w.window, w.lastSent, w.lastNew, int(w.s.last),
		int(w.sender().resend), int(w.sender().used), int(w.r.open), int(w.r.limit),
	} {
		num(n)
	}
	for e := range w.s.All() {
		b = append(b, byte(e.M), byte(e.ID), byte(e.ID>>8), byte(e.State), byte(b2i(w.s.at(e.ID).sent)))
	}
	wire(w.toR)
	wire(w.toS)
	wire(w.arrivals)
	num(int(w.r.tail - w.r.head))
	for seq := w.r.head; seq != w.r.tail; seq++ {
		p := w.r.at(seq)
		b = append(b, byte(p.id), byte(p.id>>8), byte(p.qos), byte(p.reason), byte(b2i(p.done)))
	}
	for i := range w.msgs { // by message, as the table's order is an accident
		t := &w.msgs[i]
		flags := b2i(t.counted) | b2i(t.released)<<1 | b2i(t.finished)<<2 | b2i(t.accepted)<<3 | b2i(t.backed)<<4
		b = append(b, byte(t.id), byte(t.id>>8), min(t.delivered, 1), byte(flags))
	}
	num(len(w.todo))
	for _, t := range w.todo {
		b = append(b, byte(t.m))
		num(w.worth(t.rc))
	}
	holds := len(b)
	for h := range w.r.held.all() {
		b = append(b, byte(h.id), byte(h.id>>8), byte(h.reason), byte(b2i(h.done)|b2i(h.counted)<<1))
	}
	sortFours(b[holds:])
	return b
}

// worth is what a receipt can still do: settle a place of the ring, or a hold.
func (w *world) worth(rc Receipt) int {
	if rc.qos == packets.AtLeastOnce && w.r.at(rc.seq) != nil {
		return 1 + int(rc.seq-w.r.head)
	}
	if h := w.r.held.find(rc.id); rc.qos == packets.ExactlyOnce && h != nil && h.first == rc.seq {
		return 1 << 20
	}
	return 0
}

func sortFours(b []byte) {
	for i := 4; i < len(b); i += 4 {
		for j := i; j > 0 && string(b[j:j+4]) < string(b[j-4:j]); j -= 4 {
			for k := range 4 {
				b[j+k], b[j-4+k] = b[j-4+k], b[j+k]
			}
		}
	}
}
