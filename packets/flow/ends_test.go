package flow

import (
	"slices"

	"github.com/fletchmq/fletch/packets"
)

func (w *world) receiverGets(p wirePacket) {
	id := InID(p.id)
	if p.name == 'L' { // with it the sender wants no PUBREC any more
		w.arrivals = slices.DeleteFunc(w.arrivals, func(a wirePacket) bool { return a.qos == p.qos && a.id == p.id })
		w.toS = append(w.toS, wirePacket{'C', packets.ExactlyOnce, p.id, 0, w.r.Pubrel(id)})
		return
	}
	rc, arrival := w.r.Publish(id, p.qos)
	owed := func(a wirePacket) bool { return a.qos == packets.ExactlyOnce && a.id == p.id }
	if p.qos == packets.AtLeastOnce || !slices.ContainsFunc(w.arrivals, owed) {
		w.arrivals = append(w.arrivals, p)
	}
	t, k := &w.msgs[p.m-1], w.plan.kinds[p.m-1]
	switch {
	case arrival == Excess:
		w.fail("receiver refuses %d as over the Receive Maximum", p.m)
	case arrival == Duplicate && t.delivered == 0:
		w.fail("%d taken for a duplicate", p.m)
	case arrival == Deliver && t.delivered > 0 && p.qos == packets.ExactlyOnce && !k.refused:
		w.fail("%d delivered twice", p.m) // [MQTT-4.3.3-10]
	case arrival == Deliver:
		if t.delivered == 0 && p.m <= w.lastNew { // [MQTT-4.6.0-5]
			w.fail("%d delivered after %d", p.m, w.lastNew)
		}
		w.lastNew = max(w.lastNew, p.m)
		t.delivered++
		w.todo = append(w.todo, task{rc, p.m})
	}
}

func (w *world) done(t task) {
	reason := packets.Success
	if w.plan.kinds[t.m-1].refused {
		reason = packets.QuotaExceeded
	} else {
		w.msgs[t.m-1].accepted = true
	}
	w.r.Done(t.rc, reason)
}

// ack sends the next acknowledgement [MQTT-4.6.0-2] [MQTT-4.6.0-3].
func (w *world) ack() {
	a, ok := w.r.Next()
	i := slices.IndexFunc(w.arrivals, func(p wirePacket) bool { return p.qos == a.QoS })
	if !ok || i < 0 || w.arrivals[i].id != uint16(a.ID) {
		w.fail("acknowledges %+v, %v, owed are %+v", a, ok, w.arrivals)
		return
	}
	if m := w.arrivals[i].m; a.Reason < 0x80 && !w.msgs[m-1].accepted {
		w.fail("acknowledges %d before it is done", m)
	}
	w.arrivals = slices.Delete(w.arrivals, i, i+1)
	name := byte('A')
	if a.QoS == packets.ExactlyOnce {
		name = 'R'
	}
	w.toS = append(w.toS, wirePacket{name, a.QoS, uint16(a.ID), 0, a.Reason})
}

func (w *world) senderGets(p wirePacket) {
	id := OutID(p.id)
	n := w.byID(id)
	var m int
	var o Outcome
	switch p.name {
	case 'A':
		m, o = w.s.Puback(id)
	case 'R':
		m, o = w.s.Pubrec(id, p.reason)
	case 'C':
		m, o = w.s.Pubcomp(id)
	}
	switch o {
	case Finished:
		w.msgs[n-1].finished, w.msgs[n-1].id, w.msgs[n-1].counted = true, 0, false
		w.recOrder = slices.DeleteFunc(w.recOrder, func(r int) bool { return r == n })
	case Released:
		w.msgs[n-1].released = true
		w.recOrder = append(w.recOrder, n)
		w.sendPubrel(id)
	case Repeated:
		w.sendPubrel(id)
	case Misplaced:
		w.fail("%c is misplaced", p.name)
	}
	if (o == Repeated || o == Unknown || o == Ignored) && w.plan.dups == 0 {
		w.fail("%c id=%d without a duplicate has outcome %d", p.name, id, o)
	}
	if back := o == Released || o == Finished && p.name != 'C'; back != (m != 0) || back && m != n {
		w.fail("%c gives back %d, expected %d: %v", p.name, m, n, back)
	}
	if m != 0 {
		if w.msgs[m-1].backed {
			w.fail("%d is given back twice", m)
		}
		w.msgs[m-1].backed = true
	}
}
