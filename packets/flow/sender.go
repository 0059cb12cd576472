package flow

import (
	"iter"

	"github.com/fletchmq/fletch/packets"
)

// maxWindow bounds the send quota, which may be smaller than the peer's Receive
// Maximum [MQTT-4.9.0-1]. It leaves half of the identifiers free, which keeps
// assigning one cheap and leaves some for SUBSCRIBE and UNSUBSCRIBE.
const maxWindow = 1 << 15

// State is what an exchange of a [Sender] waits for.
type State uint8

// The states of an exchange.
const (
	AwaitPuback  State = iota + 1 // PUBLISH at QoS 1
	AwaitPubrec                   // PUBLISH at QoS 2
	AwaitPubcomp                  // PUBREL
	AwaitReply                    // SUBSCRIBE or UNSUBSCRIBE
)

// Outcome is what an acknowledgement did, and what the caller answers.
type Outcome uint8

// The outcomes. Only with Finished and Released is a message given back.
const (
	Ignored   Outcome = iota // it says nothing new: answer nothing
	Finished                 // the exchange is over, identifier and quota are free
	Released                 // first PUBREC: send PUBREL
	Repeated                 // PUBREC again: send PUBREL again
	Unknown                  // no such exchange: answer PUBREC with PUBREL 0x92, the others with nothing
	Misplaced                // the exchange waits for another packet: Protocol Error, close with 0x82
)

// Exchange is one identifier in use.
type Exchange[M any] struct {
	M     M // zero from PUBREC on, unless [Sender.Swap] has put one there
	ID    OutID
	State State
}

// QoS is that of the PUBLISH, and 0 for SUBSCRIBE and UNSUBSCRIBE.
func (e Exchange[M]) QoS() packets.QoS {
	switch e.State {
	case AwaitPuback:
		return packets.AtLeastOnce
	case AwaitPubrec, AwaitPubcomp:
		return packets.ExactlyOnce
	}
	return packets.AtMostOnce
}

// Sender is the sending side of one session. M is the caller's handle of a
// message (or of a SUBSCRIBE); each one handed in comes back exactly once: from
// Puback, Pubrec, Pubcomp, Reply, Swap or Reset.
//
// It knows no time: an exchange goes on though its message expires
// [MQTT-4.3.3-7] [MQTT-4.3.3-13].
//
// An exchange ends when the peer ends it. A caller that no longer waits for one
// notes that in its M and lets it run: freeing the identifier early would make
// the peer take the next message for the old one.
type Sender[M any] struct {
	*exchanges[M]        // nil when there was none yet
	last          OutID  // assigned last
	window        uint16 // initial send quota of this connection
}

// exchanges are those of a Sender.
type exchanges[M any] struct {
	slots     []slot[M]
	live      uint16 // identifiers in use
	publishes list   // AwaitPuback and AwaitPubrec, in the order of sending
	releases  list   // AwaitPubcomp, in the order of their PUBRECs
	requests  list   // AwaitReply
	resend    OutID  // first of publishes that this connection has not sent yet
	used      uint16 // of the quota; PUBRELs alone may push it over window
}

// Resume begins a connection: the quota is fresh [MQTT-4.9.0-1] and what is in
// flight is to be sent again, first [Sender.Releases], then [Sender.Resend].
// receiveMaximum is the peer's, or a lower bound of the caller's own; 65535
// before 5.0. More than 32768 count as 32768.
//
// A SUBSCRIBE or UNSUBSCRIBE of an earlier connection is not answered any more.
// The caller takes it back with Reply, or sends it again with its identifier.
func (s *Sender[M]) Resume(receiveMaximum uint16) {
	s.window = min(receiveMaximum, maxWindow)
	if s.exchanges == nil {
		return
	}
	s.used = 0
	for x := range s.each(s.releases) {
		x.sent = true
		s.used++
	}
	for x := range s.each(s.publishes) {
		x.sent = false
	}
	s.resend = s.publishes.head
}

// Releases are the exchanges that wait for PUBCOMP, in the order of their
// PUBRECs [MQTT-4.6.0-4]. After Resume the caller sends PUBREL for each
// [MQTT-4.4.0-1] [MQTT3-4.4.0-1], before it handles a packet of the peer; the
// quota does not hold them back [MQTT-4.9.0-3].
func (s *Sender[M]) Releases() iter.Seq[OutID] {
	return func(yield func(OutID) bool) {
		if s.exchanges == nil {
			return
		}
		for x := range s.each(s.releases) {
			if !yield(x.id) {
				return
			}
		}
	}
}

// Resend gives the next PUBLISH of an earlier connection to be sent again, with
// its identifier and DUP 1 [MQTT-3.3.1-1] [MQTT3-2.3.1-3], in the order of the
// first time [MQTT-4.6.0-1]. It is false when there is none or the quota is
// used up; after the next acknowledgement there may be.
//
// M stays in the exchange. One that the peer's new Maximum Packet Size forbids
// is settled as if the peer had answered, with Puback, or Pubrec and PUBREL.
func (s *Sender[M]) Resend() (Exchange[M], bool) {
	if s.exchanges == nil || s.resend == 0 || s.used >= s.window { // [MQTT-4.9.0-2]
		return Exchange[M]{}, false
	}
	x := s.at(s.resend)
	x.sent = true
	s.used++
	s.resend = x.next
	return Exchange[M]{x.m, x.id, x.state}, true
}

// Begin starts the exchange of a message at QoS 1 or 2, to be sent with DUP 0
// and the identifier it gives [MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.3-1]
// [MQTT-4.3.3-2] [MQTT3-4.3.2-1]. It is refused, and m stays with the caller, when
// the quota is used up [MQTT-4.9.0-2], which holds up nothing else
// [MQTT-3.3.4-10], when an earlier PUBLISH is still to be sent again, or before
// the first Resume.
func (s *Sender[M]) Begin(qos packets.QoS, m M) (id OutID, ok bool) {
	if s.quota() == 0 {
		return 0, false
	}
	x := s.take()
	if x == nil {
		return 0, false
	}
	s.start(x, qos, m)
	return x.id, true
}

// Puback handles PUBACK, whatever its Reason Code: Finished, Unknown or
// Misplaced. Until then the message is unacknowledged [MQTT-4.3.2-3].
func (s *Sender[M]) Puback(id OutID) (m M, o Outcome) {
	x := s.at(id)
	if x == nil {
		return m, Unknown
	}
	if x.state != AwaitPuback {
		return m, Misplaced
	}
	return s.finish(x), Finished
}

// Pubrec handles PUBREC; before 5.0 reason is Success. Until then the message is
// unacknowledged [MQTT-4.3.3-3]. From Success on it is never sent again
// [MQTT-4.3.3-6], so it is given back here.
func (s *Sender[M]) Pubrec(id OutID, reason packets.ReasonCode) (m M, o Outcome) {
	x := s.at(id)
	refused := reason >= packets.UnspecifiedError
	switch {
	case x == nil && refused:
		return m, Ignored // the peer has forgotten it as well
	case x == nil:
		return m, Unknown
	case x.state == AwaitPubrec && refused: // [MQTT-4.4.0-2]
		return s.finish(x), Finished
	case x.state == AwaitPubrec:
		return s.release(x), Released // [MQTT-4.3.3-4]
	case x.state == AwaitPubcomp && refused:
		return m, Ignored // the PUBREL on its way will be answered
	case x.state == AwaitPubcomp:
		return m, Repeated
	}
	return m, Misplaced
}

// Pubcomp handles PUBCOMP, whatever its Reason Code: Finished, Unknown or
// Misplaced. m is what Swap has put in after PUBREC.
func (s *Sender[M]) Pubcomp(id OutID) (m M, o Outcome) {
	x := s.at(id)
	if x == nil {
		return m, Unknown
	}
	if x.state != AwaitPubcomp {
		return m, Misplaced
	}
	return s.finish(x), Finished
}

// release moves x from waiting for PUBREC to waiting for PUBCOMP
// [MQTT-4.3.3-5].
func (s *Sender[M]) release(x *slot[M]) M {
	var none M
	m := x.m
	s.unlink(x)
	if !x.sent { // answered from the earlier connection: PUBREL counts from now
		x.sent = true
		s.used++
	}
	x.m, x.state = none, AwaitPubcomp
	s.push(&s.releases, x)
	return m
}

// finish ends x. Its quota comes back if this connection had used it, so that
// there is never more than at first, section 4.9.
func (s *Sender[M]) finish(x *slot[M]) M {
	m := x.m
	s.unlink(x)
	if x.sent {
		s.used--
	}
	s.free(x)
	return m
}

// unlink takes x out of the list of its state.
func (s *Sender[M]) unlink(x *slot[M]) {
	if s.resend == x.id {
		s.resend = x.next
	}
	s.remove(s.list(x.state), x)
}

// list is where the exchanges of a state are.
func (s *Sender[M]) list(state State) *list {
	switch state {
	case AwaitPubcomp:
		return &s.releases
	case AwaitReply:
		return &s.requests
	}
	return &s.publishes
}
