package broker

import (
	"runtime/debug"
	"sync"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
)

// settle is for those who have waited for the store, in a turn of their own lane.
func (b *Broker) settle(waiters []any, t *turn) {
	for _, w := range waiters {
		switch w := w.(type) {
		case *letter:
			b.settleLetter(w, t)
		case *answer:
			w.give(t)
		case *expansion:
			w.expand(t)
		}
	}
}

func (b *Broker) settleLetter(l *letter, t *turn) {
	t.Admitted = l.admitted
	for !b.deliverRest(l, t) {
	}
	t.Admitted = false
	if cl := l.sender; cl != nil && !cl.settle(l.receipt, l.reason, t) {
		b.kill(cl, errTooLargeToSend)
	}
	if l.behind != nil {
		l.behind.settle()
	}
	if l.stored != nil {
		close(l.stored)
	}
	l.message.Release()
	l.done()
}

// deliverRest gives the message to those who do not have it yet. It is false when the
// Logger panics, which ends the connection that the message came from: here it is too
// late to refuse it.
func (b *Broker) deliverRest(l *letter, t *turn) (all bool) {
	defer func() {
		if v := recover(); v != nil {
			cause := &panicked{v, debug.Stack()}
			if l.sender == nil || !b.kill(l.sender, cause) {
				guard(func() error { b.config.Logger.Error("message", "error", cause); return nil })
			}
		}
	}()
	b.deliverAll(l, t)
	return true
}

// settleLane is for the journal.
func (b *Broker) settleLane(lane int, waiters []any) {
	if lane > 0 {
		h := b.loops.homes[lane-1]
		h.Post(func() { b.settle(waiters, h.turn) })
		return
	}
	t := begin()
	defer t.end()
	b.settle(waiters, t)
}

// answer is a packet that says that something is stored.
type answer struct {
	line   *session.Line
	kind   packets.Type // PUBREL or PUBCOMP
	id     uint16
	reason packets.ReasonCode
}

var answerPool = sync.Pool{New: func() any { return new(answer) }}

// answerStored lets the answer follow when what has been put in is stored.
func (c *conn) answerStored(kind packets.Type, id uint16, reason packets.ReasonCode) {
	w := answerPool.Get().(*answer)
	*w = answer{c.line, kind, id, reason}
	j := c.b.journal
	j.Begin().Wait(c.turn.lane, w)
	j.End()
	c.turn.Stored(j)
}

func (w *answer) give(t *turn) {
	a := &t.answer
	if w.kind == packets.TypePubrel {
		a.pubrel.PacketID, a.pubrel.Reason = w.id, w.reason
		w.line.Control(&a.pubrel, &t.Turn)
	} else {
		a.pubcomp.PacketID, a.pubcomp.Reason = w.id, w.reason
		w.line.Control(&a.pubcomp, &t.Turn)
	}
	*w = answer{}
	answerPool.Put(w)
}
