package flow

import (
	"iter"

	"github.com/fletchmq/fletch/packets"
)

// Arrival is what to do with a PUBLISH that has come in.
type Arrival uint8

// The arrivals.
const (
	Deliver   Arrival = iota // a new message: deliver it, then Done
	Duplicate                // QoS 2 again: no delivery, no Done, PUBREC comes from Next
	Excess                   // over Receive Maximum: close with 0x93
)

// Receipt stands for one message to be acknowledged. It may be kept for any
// time: one that has been overtaken by a reconnect or the end of the session
// does nothing. The zero value does nothing.
type Receipt struct {
	seq uint32
	id  InID
	qos packets.QoS
}

// Ack is an acknowledgement to be sent: PUBACK for QoS 1, PUBREC for QoS 2.
type Ack struct {
	ID     InID
	QoS    packets.QoS
	Reason packets.ReasonCode
}

// pending is a PUBLISH of this connection whose acknowledgement is not sent.
type pending struct {
	id     InID
	reason packets.ReasonCode
	qos    packets.QoS // 0 when PUBREL has overtaken it and there is nothing to send
	done   bool
}

// Receiver is the receiving side of one session: it finds QoS 2 repeats, holds
// the peer to the Receive Maximum and puts acknowledgements into order.
type Receiver struct {
	ring       *ring  // nil when there was none yet
	held       *held  // QoS 2 identifiers, nil when there was none yet
	head, tail uint32 // sequence numbers of the ring; they outlive connections
	open       uint32 // PUBLISHes of this connection not yet acknowledged to the end
	limit      uint32 // that open may reach
}

// Resume begins a connection on which receiveMaximum was announced (65535
// before 5.0). QoS 1 messages that are not acknowledged are forgotten: the peer
// sends them again, and they are delivered again. QoS 2 identifiers stay until
// their PUBREL.
func (r *Receiver) Resume(receiveMaximum uint16) {
	r.head = r.tail
	r.open, r.limit = 0, uint32(receiveMaximum)
	if r.held != nil {
		r.held = r.held.survivors()
	}
}

// Reset ends the session: all identifiers are forgotten, and nothing is
// accepted before Resume.
func (r *Receiver) Reset() {
	r.head = r.tail
	r.open, r.limit, r.held = 0, 0, nil
}

// Publish handles a PUBLISH at QoS 1 or 2. The receipt, zero but for Deliver, is
// for Done.
func (r *Receiver) Publish(id InID, qos packets.QoS) (Receipt, Arrival) {
	switch qos {
	case packets.AtLeastOnce:
	case packets.ExactlyOnce:
		if h := r.held.find(id); h != nil {
			return Receipt{}, r.duplicate(h)
		}
	default:
		panic("flow: only QoS 1 and 2 are acknowledged")
	}
	if r.open >= r.limit { // [MQTT-3.3.4-7] [MQTT-3.3.4-9]
		return Receipt{}, Excess
	}
	seq := r.push(pending{id: id, qos: qos})
	r.open++
	if qos == packets.ExactlyOnce {
		if r.held == nil {
			r.held = new(held)
		}
		r.held.add(hold{id: id, first: seq, latest: seq, counted: true})
	}
	return Receipt{seq, id, qos}, Deliver
}

// duplicate handles a PUBLISH whose QoS 2 identifier is held: it is owed a
// PUBREC and no delivery [MQTT-4.3.3-10] [MQTT3-4.3.3-2].
func (r *Receiver) duplicate(h *hold) Arrival {
	if !h.counted {
		if r.open >= r.limit {
			return Excess
		}
		h.counted = true
		r.open++
	}
	if r.waiting(h) == nil {
		h.latest = r.push(pending{id: h.id, qos: packets.ExactlyOnce, done: h.done, reason: h.reason})
	}
	return Duplicate
}

// Done says that the caller has taken over the message, or refuses it with a
// reason of 0x80 and above, so that it may be acknowledged. Any order will do.
// A second time, or too late, it does nothing.
func (r *Receiver) Done(rc Receipt, reason packets.ReasonCode) {
	switch rc.qos {
	case packets.AtLeastOnce:
		if p := r.at(rc.seq); p != nil {
			p.settle(reason)
		}
	case packets.ExactlyOnce:
		h := r.held.find(rc.id)
		if h == nil || h.done || h.first != rc.seq {
			return
		}
		h.done, h.reason = true, reason
		if p := r.waiting(h); p != nil {
			p.settle(reason)
		} else if h.refused() {
			r.held.remove(h.id) // when the peer sends it again, it is judged again
		}
	}
}

// Retract says that the caller has not taken over the message, and never will by this
// receipt: when the peer sends it again, on a later connection, it is delivered. Until
// then its acknowledgement is not sent, nor are those behind it. The result is true when
// the peer has sent it again already, and was owed no delivery. After Done, or too late,
// it does nothing.
func (r *Receiver) Retract(rc Receipt) (again bool) {
	h := r.held.find(rc.id)
	if rc.qos != packets.ExactlyOnce || h == nil || h.done || h.first != rc.seq {
		return false
	}
	again = h.latest != h.first
	r.held.remove(rc.id)
	return again
}

// Next gives the acknowledgement to be sent next. It is false when the oldest
// PUBLISH not acknowledged is not done: acknowledgements go out in the order of
// arrival [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT3-4.6.0-2] [MQTT3-4.6.0-3].
func (r *Receiver) Next() (Ack, bool) {
	for r.head != r.tail {
		p := r.ring.at(r.head)
		if !p.done {
			break
		}
		r.head++
		switch {
		case p.qos == packets.AtLeastOnce:
			r.open-- // the identifier means a new message now [MQTT-4.3.2-5] [MQTT3-4.3.2-2]
		case p.qos == packets.AtMostOnce:
			continue
		case p.reason >= packets.UnspecifiedError:
			r.held.remove(p.id) // [MQTT-4.3.3-9]
			r.open--
		}
		return Ack{p.id, p.qos, p.reason}, true
	}
	return Ack{}, false
}

// Pubrel handles PUBREL and gives the Reason Code of the PUBCOMP that answers
// it [MQTT-4.3.3-11]: Success, or PacketIdentifierNotFound, which before 5.0 is
// not sent along. The identifier means a new message now [MQTT-4.3.3-12].
func (r *Receiver) Pubrel(id InID) packets.ReasonCode {
	h := r.held.find(id)
	if h == nil {
		return packets.PacketIdentifierNotFound
	}
	if p := r.waiting(h); p != nil { // the answer to an earlier PUBREC of this id
		p.qos, p.done = packets.AtMostOnce, true
	}
	if h.counted {
		r.open--
	} else {
		// Its PUBLISH came on an earlier connection. A peer that counts by the
		// letter of section 4.9 gains one with this PUBCOMP.
		r.limit++
	}
	r.held.remove(id)
	return packets.Success
}

// Held gives the QoS 2 identifiers that wait for PUBREL, in no order, and
// whether the message is done and accepted. Those are what a store keeps.
func (r *Receiver) Held() iter.Seq2[InID, bool] {
	return func(yield func(InID, bool) bool) {
		for h := range r.held.all() {
			if !yield(h.id, h.done && !h.refused()) {
				return
			}
		}
	}
}

// Keeps reports whether id waits for PUBREL, and its message has not been refused: it
// is accepted, or may still be.
func (r *Receiver) Keeps(id InID) bool {
	h := r.held.find(id)
	return h != nil && !h.refused()
}

// Awaits reports whether Done would do something for rc: it is the first, and nothing
// has overtaken it. It gives identifier and QoS of the message.
func (r *Receiver) Awaits(rc Receipt) (id InID, qos packets.QoS, ok bool) {
	switch rc.qos {
	case packets.AtLeastOnce:
		p := r.at(rc.seq)
		ok = p != nil && !p.done
	case packets.ExactlyOnce:
		h := r.held.find(rc.id)
		ok = h != nil && !h.done && h.first == rc.seq
	}
	return rc.id, rc.qos, ok
}

// Restore puts back an identifier whose message was done before a restart.
// It comes before the first Resume. It is false when it is there already.
func (r *Receiver) Restore(id InID) bool {
	if r.held == nil {
		r.held = new(held)
	}
	if r.held.find(id) != nil {
		return false
	}
	r.held.add(hold{id: id, done: true})
	return true
}

// Open is the number of PUBLISHes that count against the Receive Maximum.
func (r *Receiver) Open() int { return int(r.open) }

// Trim gives back the memory that is not in use now.
func (r *Receiver) Trim() {
	if r.head == r.tail {
		r.ring = nil
	}
	if r.held != nil && r.held.n == 0 {
		r.held = nil
	}
}

// at is the place of a sequence number in the ring, nil when it has left it.
func (r *Receiver) at(seq uint32) *pending {
	if seq-r.head >= r.tail-r.head {
		return nil
	}
	return r.ring.at(seq)
}

// waiting is the PUBREC of h that is not sent yet, or nil.
func (r *Receiver) waiting(h *hold) *pending {
	p := r.at(h.latest)
	if p == nil || p.id != h.id || p.qos != packets.ExactlyOnce {
		return nil
	}
	return p
}

func (p *pending) settle(reason packets.ReasonCode) {
	if !p.done {
		p.done, p.reason = true, reason
	}
}
