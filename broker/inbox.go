package broker

import (
	"sync"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// inbox is what a session has received at QoS 1 and 2 and not acknowledged to the
// end. The reader of its connection uses it, and who hears that a message is stored.
type inbox struct {
	mu        sync.Mutex
	receiver  flow.Receiver
	unsettled int32 // messages that wait for the store
	lane      int32 // in which they do
}

func (in *inbox) publish(id flow.InID, qos packets.QoS) (flow.Receipt, flow.Arrival) {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.receiver.Publish(id, qos)
}

// pubrel gives the code for PUBCOMP, and whether the identifier is in the store.
func (in *inbox) pubrel(id flow.InID) (reason packets.ReasonCode, stored bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	stored = in.receiver.Keeps(id)
	return in.receiver.Pubrel(id), stored
}

func (in *inbox) resume(receiveMaximum uint16) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.receiver.Resume(receiveMaximum)
}

func (in *inbox) trim() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.receiver.Trim()
}

// await is for a message that waits for the store, until settle: in that lane, or in
// that of those before it, on an earlier connection say, so as to be behind them.
func (in *inbox) await(lane int) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.unsettled == 0 {
		in.lane = int32(lane)
	}
	in.unsettled++
	return int(in.lane)
}

// settle is for one that waits no more, and has been given to all.
func (in *inbox) settle() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.unsettled--
}

// awaits reports whether there is one: what comes behind it waits as well.
func (in *inbox) awaits() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.unsettled > 0
}

// held are the QoS 2 identifiers that wait for PUBREL and are in the store.
func (in *inbox) held() (all []uint16) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for id := range in.receiver.Held() {
		if in.receiver.Keeps(id) {
			all = append(all, uint16(id))
		}
	}
	return all
}

// settle says what has become of a message, and sends what is due, in the order of
// arrival [MQTT-4.6.0-2] [MQTT-4.6.0-3]. It is false if the peer does not accept that.
func (cl *client) settle(receipt flow.Receipt, reason packets.ReasonCode, t *turn) bool {
	cl.in.mu.Lock()
	defer cl.in.mu.Unlock()
	cl.in.receiver.Done(receipt, reason)
	return cl.acknowledge(t)
}

// acknowledge holds in.mu. An absent client is sent nothing: it sends again what was
// not acknowledged.
func (cl *client) acknowledge(t *turn) bool {
	for {
		ack, ok := cl.in.receiver.Next()
		if !ok {
			return true
		}
		a := &t.answer
		if ack.QoS == packets.AtLeastOnce {
			a.puback.PacketID, a.puback.Reason = uint16(ack.ID), ack.Reason
			ok = cl.out.Control(&a.puback, &t.Turn)
		} else {
			a.pubrec.PacketID, a.pubrec.Reason = uint16(ack.ID), ack.Reason
			ok = cl.out.Control(&a.pubrec, &t.Turn)
		}
		if !ok {
			return false
		}
	}
}
