package session

import (
	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// Kept is where the message of a session that is stored is, and what is known of its
// exchange there. The zero Kept is for what is in memory alone.
type Kept struct {
	Sequence uint64 // of the message
	PacketID uint16 // with which it is sent
	Shared   bool   // other sessions have it too
	Sent     bool   // perhaps, on an earlier connection
	revoked  bool   // to be ended as if the peer had acknowledged it
}

func (k *Kept) ref() journal.Ref { return journal.Ref{Sequence: k.Sequence, Shared: k.Shared} }

// vault is the part of an Outbox that is stored: all messages at QoS 1 and 2. Those
// for which the client is there, and that it can be sent soon, are in memory too. The
// others are behind them, and are read when it is their turn. Its lock is that of the
// Outbox.
type vault struct {
	journal *journal.Journal
	session uint64
	begun   refs // messages that may have been sent, and are not in memory
	waiting refs // others, behind them
	bytes   int  // that waiting costs
	rare    map[uint64]rare
	page    *Page  // that is being read
	order   uint64 // of the last PUBREC
	sent    uint64 // sequence number of the last message whose delivery has begun
	unsure  uint64 // up to this sequence number others may have been sent, before a restart
	revised uint64 // messages up to this sequence number are asked about before they are sent
	last    uint16 // packet identifier that has been reserved

	// stays is nil if nobody is asked.
	stays func(m *Message, g Group, begun bool) bool
}

// rare is what few messages have.
type rare struct {
	identifiers []uint32
	group       Group
}

// What of a vault is in memory while the client is there.
const (
	residentBytes    = 256 << 10
	residentMessages = 512
)

// NewStoredOutbox is the Outbox of a session that is stored under that number.
func NewStoredOutbox(b *Budget, j *journal.Journal, session uint64) *Outbox {
	o := NewOutbox(b)
	o.vault = &vault{journal: j, session: session}
	return o
}

// Stored reports whether messages at QoS 1 and 2 have to be Kept before they are
// pushed.
func (o *Outbox) Stored() bool { return o.vault != nil }

// Reserve gives the packet identifier for a message that is about to be kept, so that
// it is stored with it: it is the same whenever the message is sent, and has no need
// to be stored then. It is never in use for another message that the peer may still
// hold, if that answers in the order of sending within 65 535 messages; if not, the
// message waits for that.
func (o *Outbox) Reserve() uint16 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.vault.reserve()
}

func (v *vault) reserve() uint16 {
	if v.last++; v.last == 0 {
		v.last = 1
	}
	return v.last
}

// drop is for a message that the session does not wait for any more.
func (o *Outbox) drop(k *Kept) {
	if k.Sequence != 0 {
		o.vault.journal.Begin().Drop(k.ref(), o.vault.session)
		o.vault.journal.End()
	}
}

// received is for a message at QoS 2 whose receiver has sent PUBREC.
func (v *vault) received(k *Kept, id flow.OutID) {
	v.order++
	g := v.journal.Begin()
	defer v.journal.End()
	if k.Sequence != 0 {
		g.Drop(k.ref(), v.session)
	}
	g.Release(v.session, uint16(id), v.order)
}

func (v *vault) completed(id flow.OutID) {
	v.journal.Begin().Complete(v.session, uint16(id))
	v.journal.End()
}

// storeReplay is for retained messages that are wanted. Those at QoS 0 are for one
// connection.
func (v *vault) storeReplay(r *Replay) {
	if v != nil && r.QoS > packets.AtMostOnce {
		v.journal.Begin().Replay(v.session, &journal.Replay{Filter: r.Filter, QoS: r.QoS, Identifiers: r.Identifiers, After: r.After})
		v.journal.End()
	}
}

func (v *vault) endReplay(r *Replay) {
	if v != nil && r.QoS > packets.AtMostOnce {
		v.journal.Begin().EndReplay(v.session, r.Filter)
		v.journal.End()
	}
}

// leaves reports whether the next message goes behind those that are not in memory,
// or would be too much.
func (o *Outbox) leaves() bool {
	v := o.vault
	return o.line == nil || v.begun.len() > 0 || v.waiting.len() > 0 || o.bytes-v.bytes > residentBytes || o.queue.len() >= residentMessages
}

// leave is for a message that is not to be in memory. If it waits, it has been counted
// in Outbox.bytes.
func (v *vault) leave(to *refs, t *Terms, cost int) {
	to.push(refOf(t, cost))
	if !t.Kept.Sent {
		v.bytes += cost
	}
	if t.Identifiers != nil || t.Group != nil {
		if v.rare == nil {
			v.rare = make(map[uint64]rare)
		}
		v.rare[t.Kept.Sequence] = rare{t.Identifiers, t.Group}
	}
}

// terms are those of r.
func (v *vault) terms(r *ref) Terms {
	t := r.terms()
	if r.has(refRare) {
		x := v.rare[r.sequence]
		t.Identifiers, t.Group = x.identifiers, x.group
	}
	return t
}

// forget is for r, which is taken out. It gives its terms.
func (v *vault) forget(r *ref) Terms {
	t := v.terms(r)
	if !t.Kept.Sent {
		v.bytes -= int(r.cost)
	}
	if r.has(refRare) {
		if delete(v.rare, r.sequence); len(v.rare) == 0 {
			v.rare = nil
		}
	}
	return t
}

// spill takes out of memory what waits or is under way, before a client is absent.
func (o *Outbox) spill() {
	v := o.vault
	v.page, v.stays = nil, nil
	var begun, front refs
	for x := range o.sender.Recall() {
		e := x.M
		if e.Kept.Sequence != 0 {
			e.Kept.Sent = true
			v.sent = max(v.sent, e.Kept.Sequence)
			v.leave(&begun, &e.Terms, e.message.Cost())
			e.Kept = Kept{}
		}
		o.settled(e)
	}
	away := func(e *entry) bool {
		switch {
		case e.Kept.Sequence == 0:
			return true
		case e.Kept.Sent:
			v.leave(&begun, &e.Terms, e.cost)
			o.bytes -= e.cost
		default:
			v.leave(&front, &e.Terms, e.message.Cost())
		}
		e.message.Release()
		return false
	}
	if o.replays != nil {
		o.replays.front.filter(func(e *entry) bool {
			if e.Kept.Sequence != 0 {
				o.bytes += e.message.Cost() // replays do not count before
			}
			return away(e)
		})
	}
	o.queue.filter(away)
	v.waiting.prepend(front)
	v.begun.prepend(begun)
}

// Sent is for Presume, after a restart.
func (o *Outbox) Sent() (sent, unsure uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.vault.sent, o.vault.unsure
}

// again reports whether a message may have been sent before.
func (v *vault) again(k *Kept) bool {
	return k.Sent || k.Sequence != 0 && k.Sequence <= v.unsure
}

// holds reports whether the client may have a message that it has not released: it is
// no other member's any more.
func (v *vault) holds(t *Terms) bool { return t.QoS == packets.ExactlyOnce && v.again(&t.Kept) }
