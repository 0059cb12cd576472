package session

import (
	"errors"

	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
	"github.com/fletchmq/fletch/packets/frame"
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
	sent    uint64 // sequence number of the last message that may have been
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
	pageMessages     = 128
	pageBytes        = 128 << 10
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
	if k != nil {
		g.Drop(k.ref(), v.session)
	}
	g.Release(v.session, uint16(id), v.order)
}

func (v *vault) completed(id flow.OutID) {
	v.journal.Begin().Complete(v.session, uint16(id))
	v.journal.End()
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
	v.page = nil
	var begun, front refs
	for x := range o.sender.Recall() {
		e := x.M
		if e.Kept.Sequence != 0 {
			e.Kept.Sent = true
			v.sent = max(v.sent, e.Kept.Sequence)
			v.leave(&begun, &e.Terms, e.cost)
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

// Sent is the last message that may have been sent, by sequence number.
func (o *Outbox) Sent() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.vault.sent
}

// Page is messages that are to be read, and put where they wait in an Outbox.
type Page struct {
	out   *Outbox
	begun bool
	terms []Terms
}

// turn is the next page, nil if there is nothing to read now. It stays in waiting
// until it has been read.
func (o *Outbox) turn() *Page {
	v := o.vault
	if v == nil || v.page != nil || v.begun.len()+v.waiting.len() == 0 || o.queue.len() > residentMessages/2 || o.bytes-v.bytes > residentBytes/2 {
		return nil
	}
	p := &Page{out: o}
	size := 0
	from := &v.waiting
	if v.begun.len() > 0 {
		from = &v.begun
	}
	for r := range from.all() {
		if len(p.terms) == pageMessages || size >= pageBytes {
			break
		}
		p.terms = append(p.terms, v.terms(r))
		size += int(r.cost)
	}
	p.begun, v.page = from == &v.begun, p
	return p
}

// Read reads the messages of p, and lets them be sent. It waits for the store. A
// message that is gone is counted as dropped. Any other error leaves what waits as it
// is, and is to end the connection. The orphans are those that the client must not have
// any more.
func (p *Page) Read(t *Turn) (orphans []Orphan, err error) {
	messages := make([]*Message, len(p.terms))
	var buf []byte
	for i := range p.terms {
		messages[i], buf, err = Read(p.out.vault.journal, &p.terms[i].Kept, buf)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			release(messages)
			return nil, err
		}
	}
	o := p.out
	o.mu.Lock()
	defer o.unlockIn(t)
	v := o.vault
	if v.page != p {
		release(messages)
		return nil, nil
	}
	v.page = nil
	from := &v.waiting
	if p.begun {
		from = &v.begun
	}
	for i, m := range messages {
		r := from.pop()
		e := entry{message: m, Terms: p.terms[i]}
		if v.forget(&r); !p.begun {
			o.bytes -= int(r.cost)
		}
		switch {
		case m == nil:
			o.lose(Missing, 1)
			continue
		case v.refuses(&e):
			if orphans = o.revoke(&e, orphans); !e.Kept.revoked {
				m.Release()
				continue
			}
		}
		m.charge(o.budget, t)
		e.cost = m.Cost()
		o.bytes += e.cost
		o.queue.push(e)
	}
	o.touch(t)
	return orphans, nil
}

// refuses reports whether the client must not have e any more.
func (v *vault) refuses(e *entry) bool {
	return v.stays != nil && e.Kept.Sequence <= v.revised && !v.stays(e.message, e.Group, e.Kept.Sent)
}

// revoke is for what the client must not have: what it holds already at QoS 2 is ended
// with PUBREL, and the rest is as if it had not waited.
func (o *Outbox) revoke(e *entry, orphans []Orphan) []Orphan {
	switch {
	case e.Kept.Sent && e.QoS == packets.ExactlyOnce:
		e.Kept.revoked = true
		return orphans
	case e.Group != nil:
		return e.orphan(orphans)
	case !e.Kept.Sent:
		o.lose(NotAuthorized, 1)
	}
	o.drop(&e.Kept)
	return orphans
}

func release(all []*Message) {
	for _, m := range all {
		if m != nil {
			m.Release()
		}
	}
}

// Read gives the message that is kept there, with a reference for the caller. It
// reads it into buf, which it may let grow.
func Read(j *journal.Journal, k *Kept, buf []byte) (*Message, []byte, error) {
	x, buf, err := j.Read(buf, k.ref())
	if err != nil {
		return nil, buf, err
	}
	m, err := Restored(&x)
	return m, buf, err
}

// Restored makes a message of one that was stored.
func Restored(x *journal.Message) (*Message, error) {
	m, err := Decode(frame.Copy(x.Body), x.First, packets.V5)
	if err != nil {
		return nil, err
	}
	m.From, m.expires, m.Publish.QoS = x.From, x.Expires, x.QoS
	return m, nil
}

// Restore puts back a message that waited before a restart, behind those that have
// been put back. Size is that of the message in bytes.
func (o *Outbox) Restore(t Terms, size int) {
	o.mu.Lock()
	defer o.unlock()
	v := o.vault
	cost := overhead + size
	v.leave(&v.waiting, &t, cost)
	o.bytes += cost
	v.last, v.revised = t.Kept.PacketID, t.Kept.Sequence
}

// RestoreExchange puts back an exchange whose PUBREC came before a restart. They come
// in their order, behind all of Restore. The next identifier is behind the last of
// them if there is no message behind it: it is not used again as long as that can be
// avoided.
func (o *Outbox) RestoreExchange(id flow.OutID, order uint64) {
	o.mu.Lock()
	defer o.unlock()
	o.vault.order = order
	if o.vault.waiting.len() == 0 {
		o.vault.last = uint16(id)
	}
	o.sender.Restore(flow.Exchange[*entry]{ID: id, State: flow.AwaitPubcomp})
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

// discardWaiting is the end of the session for what is not in memory.
func (o *Outbox) discardWaiting(orphans []Orphan) []Orphan {
	if o.vault == nil {
		return orphans
	}
	v := o.vault
	v.page = nil
	for _, q := range []*refs{&v.begun, &v.waiting} {
		for q.len() > 0 {
			r := q.pop()
			t := v.forget(&r)
			if t.Group != nil && (t.QoS == packets.AtLeastOnce || !t.Kept.Sent) {
				orphans = append(orphans, Orphan{Group: t.Group, Kept: t.Kept})
				continue
			}
			o.drop(&t.Kept)
		}
	}
	return orphans
}

// strayWaiting is Strays for what is not in memory.
func (o *Outbox) strayWaiting(groups map[Group]bool, orphans []Orphan) []Orphan {
	if o.vault == nil || o.vault.rare == nil {
		return orphans
	}
	v := o.vault
	v.page = nil
	v.waiting.filter(func(r *ref) bool {
		if !r.has(refRare) || !groups[v.rare[r.sequence].group] {
			return true
		}
		o.bytes -= int(r.cost)
		t := v.forget(r)
		orphans = append(orphans, Orphan{Group: t.Group, Kept: t.Kept})
		return false
	})
	return orphans
}
