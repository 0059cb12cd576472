package session

import (
	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/packets/flow"
)

// Restore puts back a message that waited before a restart, behind those that have
// been put back. Size is that of the message in bytes.
func (o *Outbox) Restore(t Terms, size int) {
	o.mu.Lock()
	defer o.unlock()
	v := o.vault
	cost := overhead + size
	v.leave(&v.waiting, &t, cost)
	o.bytes += cost
	v.follow(t.Kept.PacketID)
	v.unsure = t.Kept.Sequence
}

// RestoreExchange puts back an exchange whose PUBREC came before a restart. They come
// in their order, behind all of Restore.
func (o *Outbox) RestoreExchange(id flow.OutID, order uint64) {
	o.mu.Lock()
	defer o.unlock()
	o.vault.order = order
	o.vault.follow(uint16(id))
	o.sender.Restore(flow.Exchange[*entry]{ID: id, State: flow.AwaitPubcomp})
}

// follow lets Reserve go on behind id: a client that has PUBCOMP for it still to send
// would take a message with the same identifier for the one before.
func (v *vault) follow(id uint16) {
	if v.last == 0 || int16(id-v.last) > 0 {
		v.last = id
	}
}

// Presume says which messages that have been restored may have been sent before. The
// delivery of those up to sent counts as begun, or, if that is [journal.Connected], of
// the first of as many as window: more were not under way at once. Behind them are
// others, up to unsure, or all: they were sent if acknowledgements that made room for
// them had not been stored.
func (o *Outbox) Presume(sent, unsure uint64, window int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	v := o.vault
	if sent != journal.Connected {
		v.unsure = unsure
	}
	for r := v.waiting.first(); r != nil; r = v.waiting.first() {
		if sent != journal.Connected && r.sequence > sent || sent == journal.Connected && window == 0 {
			return
		}
		window--
		v.bytes -= int(r.cost)
		o.bytes -= int(r.cost)
		v.sent = r.sequence
		r.flags |= refSent
		v.begun.push(v.waiting.pop())
	}
}
