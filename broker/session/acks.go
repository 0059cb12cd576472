package session

import (
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// Puback handles the packet of that name, as do the next two.
func (o *Outbox) Puback(id flow.OutID, t *Turn) flow.Outcome {
	o.mu.Lock()
	defer o.unlockIn(t)
	defer o.touch(t)
	e, outcome := o.sender.Puback(id)
	o.settled(e)
	return outcome
}

// Pubrec handles PUBREC.
func (o *Outbox) Pubrec(id flow.OutID, reason packets.ReasonCode, t *Turn) flow.Outcome {
	o.mu.Lock()
	defer o.unlockIn(t)
	defer o.touch(t)
	e, outcome := o.sender.Pubrec(id, reason)
	if o.vault != nil && outcome == flow.Released {
		o.vault.received(&e.Kept, id)
		e.Kept = Kept{}
	}
	o.settled(e)
	return outcome
}

// Pubcomp handles PUBCOMP.
func (o *Outbox) Pubcomp(id flow.OutID, t *Turn) flow.Outcome {
	o.mu.Lock()
	defer o.unlockIn(t)
	defer o.touch(t)
	_, outcome := o.sender.Pubcomp(id)
	if o.vault != nil && outcome == flow.Finished {
		o.vault.completed(id)
	}
	return outcome
}
