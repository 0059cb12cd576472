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

// Presume says which messages that have been restored may have been sent before: those
// up to sent, or, if that is [journal.Connected], the first of as many as window.
func (o *Outbox) Presume(sent uint64, window int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	v := o.vault
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
