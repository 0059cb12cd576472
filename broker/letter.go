package broker

import (
	"slices"
	"strings"
	"sync"

	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// letter is a message on its way to those who have subscribed. With a store, one that
// is acknowledged, and that has to outlive the process for one of them or as what is
// retained, is given to nobody before it is stored: if that is never to be, nobody has
// it, and its publisher has no acknowledgement.
type letter struct {
	message  *session.Message
	to       []recipient
	given    int  // how many of to have the message
	kept     bool // some of to are stored
	admitted bool // as session.Turn
	moves    bool // from one member of a group to another

	behind  *inbox  // whose messages that wait it does not overtake, nil if it may
	sender  *client // who gets reason as the answer, nil if nobody does
	receipt flow.Receipt
	reason  packets.ReasonCode
	answers bool                 // the sender is told that nobody wants the message
	held    uint16               // packet identifier of QoS 2, if that is stored
	stored  chan struct{}        // closed then, unless it is nil
	also    func(*journal.Group) // what is to be stored with it, nil if there is nothing
}

// recipient is a session that gets a message.
type recipient struct {
	client *client
	terms  session.Terms
}

var letters = sync.Pool{New: func() any { return new(letter) }}

// letterOf is the beginning of one with m, of which it has no reference.
func letterOf(m *session.Message) *letter {
	l := letters.Get().(*letter)
	l.message = m
	return l
}

// done gives l back.
func (l *letter) done() {
	clear(l.to)
	*l = letter{to: l.to[:0]}
	letters.Put(l)
}

// address puts in who has subscribed.
func (l *letter) address(b *Broker, t *turn) {
	m := l.message
	rest, groups := t.match(b, m.Publish.Topic)
	for len(rest) > 0 {
		n := sameClient(rest)
		if o, ok := merge(rest[:n], m.From); ok {
			l.add(rest[0].Subscriber, o, nil)
		}
		rest = rest[n:]
	}
	for _, s := range groups {
		if member, ok := s.Subscriber.pick(m); ok {
			l.add(member.Subscriber, member.Options, s.Subscriber)
		}
	}
	t.matched()
}

func (l *letter) add(to *client, o topics.Options, g session.Group) {
	terms := termsOf(l.message, o, g)
	if terms.QoS > packets.AtMostOnce && to.out.Stored() {
		terms.Kept.PacketID = to.out.Reserve()
		l.kept = true
	}
	l.to = append(l.to, recipient{to, terms})
}

// post is the way of a message that may have to be stored. It reports whether somebody
// wants it, and whether it has to wait for the store. L is not the caller's any more.
func (b *Broker) post(l *letter, t *turn) (wanted, waits bool) {
	l.address(b, t)
	wanted = len(l.to) > 0
	if !l.kept && l.held == 0 && l.also == nil && !b.keepsRetained(l.message) && (l.behind == nil || !l.behind.awaits()) {
		b.deliverAll(l, t)
		l.done()
		return wanted, false
	}
	if b.config.Overflow == PushBack {
		t.Crowded = l.crowded()
	}
	lane := t.lane
	if l.behind != nil {
		lane = l.behind.await(lane)
	}
	if !wanted && l.answers {
		l.reason = packets.NoMatchingSubscribers
	}
	l.admitted = t.Admitted
	b.put(l, &t.Turn, lane)
	t.put = true
	return wanted, true
}

// crowded is a recipient that has little room left, or nil.
func (l *letter) crowded() any {
	for i := range l.to {
		if to := l.to[i].client; !to.program && to.out.IsCrowded() {
			return to
		}
	}
	return nil
}

// put lets l be stored, and delivered then in that lane.
func (b *Broker) put(l *letter, t *session.Turn, lane int) {
	l.message.Retain()
	g := b.journal.Begin()
	defer b.journal.End()
	if l.kept {
		l.write(b.journal, g)
		b.sweeper.note(l.message.ExpiresAt())
	}
	if l.held != 0 {
		g.Hold(l.sender.number, l.held)
	}
	if l.also != nil {
		l.also(g)
	}
	g.Wait(lane, l)
	t.Stored(b.journal)
}

// write puts the message into g, with its recipients: a record has a session once.
func (l *letter) write(j *journal.Journal, g *journal.Group) {
	m := l.message
	most := journal.MostRecipients(m.Size())
	var some [8]journal.Recipient
	for from := 0; from < len(l.to); {
		all := some[:0]
		next := from
		for ; next < len(l.to) && len(all) < most; next++ {
			r := &l.to[next]
			if r.terms.Kept.PacketID == 0 {
				continue
			}
			if r.terms.Group != nil && slices.ContainsFunc(all, func(x journal.Recipient) bool { return x.Session == r.client.number }) {
				break
			}
			all = append(all, journal.Recipient{Session: r.client.number, Terms: storedTerms(&r.terms)})
		}
		if len(all) > 0 {
			ref := g.Message(j.Next(), &m.Publish, m.From, m.ExpiresAt(), all)
			for i := from; i < next; i++ {
				if k := &l.to[i].terms.Kept; k.PacketID != 0 {
					k.Sequence, k.Shared = ref.Sequence, ref.Shared
				}
			}
		}
		from = next
	}
}

func storedTerms(t *session.Terms) journal.Terms {
	s := journal.Terms{QoS: t.QoS, Retain: t.Retain, PacketID: t.Kept.PacketID, Identifiers: t.Identifiers}
	if g, ok := t.Group.(*group); ok {
		s.Group = g.filter
	}
	return s
}

// deliverAll gives the message to all.
func (b *Broker) deliverAll(l *letter, t *turn) {
	if !l.moves && l.given == 0 {
		b.tellPublished(l.message.From, &l.message.Publish)
	}
	for l.given < len(l.to) {
		r := &l.to[l.given]
		l.given++
		g, _ := r.terms.Group.(*group)
		if b.push(l.message, r.client, r.terms, &t.Turn) == session.Gone && g != nil && r.terms.QoS > 0 { // [MQTT-4.8.2-3]
			g.part(r.client)
			g.Pass(l.message, &t.Turn)
			b.forget(r.client, &r.terms.Kept)
		}
	}
}

// isSys is for what the broker says of itself, which is not stored.
func isSys(topic []byte) bool { return strings.HasPrefix(string(topic), sysRoot) }
