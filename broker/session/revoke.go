package session

import (
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// Revoke takes out the messages for which stays is false, before the next line
// attaches: those that wait, and those that have been sent and not acknowledged,
// which are begun. It is then as if the peer had acknowledged them, so that
// PUBREL ends what is at QoS 2. The orphans are those of shared subscriptions,
// for others to get; the caller releases them. What has waited and is for nobody
// else counts as dropped, NotAuthorized. stays must not wait for anything.
func (o *Outbox) Revoke(stays func(m *Message, g Group, begun bool) bool) (orphans []Orphan) {
	o.mu.Lock()
	defer o.unlock()
	if v := o.vault; v != nil {
		v.stays, v.revised = stays, v.journal.Last()
	}
	waits := func(e *entry) bool {
		if e.place != nil || stays(e.message, e.Group, false) {
			return true
		}
		if orphans = e.orphan(orphans); e.Group == nil {
			o.lose(NotAuthorized, 1)
		}
		o.bytes -= e.cost
		o.drop(&e.Kept)
		e.message.Release()
		return false
	}
	if o.replays != nil {
		o.replays.front.filter(waits)
	}
	o.queue.filter(waits)
	for x := range o.sender.All() {
		if x.M == nil || stays(x.M.message, x.M.Group, true) {
			continue
		}
		if x.State == flow.AwaitPuback {
			orphans = x.M.orphan(orphans)
			o.sender.Puback(x.ID)
		} else {
			o.sender.Pubrec(x.ID, packets.Success)
		}
		o.settled(x.M)
	}
	return orphans
}
