package session

import (
	"errors"

	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// How many messages are read at once: twice as many as the client takes before it
// acknowledges one, so that there are always some and never many in memory.
const (
	minPage   = 16
	maxPage   = 128
	pageBytes = 128 << 10
)

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
	if v == nil || v.page != nil || v.begun.len()+v.waiting.len() == 0 {
		return nil
	}
	most := min(max(2*int(o.line.peer.ReceiveMaximum), minPage), maxPage)
	if o.queue.len() > most/2 || o.bytes-v.bytes > pageBytes {
		return nil
	}
	p := &Page{out: o}
	size := 0
	from := &v.waiting
	if v.begun.len() > 0 {
		from = &v.begun
	}
	for r := range from.all() {
		if len(p.terms) == most || size >= pageBytes {
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
	if v.page != p { // what waits has changed, and nobody else may ask for the next one
		release(messages)
		o.touch(t)
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
	case o.vault.holds(&e.Terms):
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
	m.From, m.Publish.QoS = x.From, x.QoS
	m.expireAt(x.Expires)
	return m, nil
}
