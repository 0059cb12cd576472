package broker

import (
	"github.com/fletchmq/fletch/broker/journal"
	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
)

// expansion is retained messages that a session is to get when they are stored as its
// own.
type expansion struct {
	client   *client
	replay   *session.Replay
	retained []*session.Message
	kept     []session.Kept
	after    string
}

// expand looks up retained messages, and puts them where r is.
func (b *Broker) expand(cl *client, r *session.Replay) {
	retained, after := b.retainedFor(r)
	t := begin()
	defer t.end()
	x := &expansion{client: cl, replay: r, retained: retained, after: after}
	if r.QoS == packets.AtMostOnce || !cl.out.Stored() || len(retained) == 0 { // what is behind r need not wait
		x.expand(t)
		return
	}
	x.kept = make([]session.Kept, len(retained))
	stores := after != ""
	for i := range x.kept {
		if min(r.QoS, retained[i].Publish.QoS) > packets.AtMostOnce {
			x.kept[i].PacketID = cl.out.Reserve()
			stores = true
		}
	}
	if !stores { // what comes behind need not wait either
		x.expand(t)
		return
	}
	g := b.journal.Begin()
	defer b.journal.End()
	for i, m := range retained {
		if k := &x.kept[i]; k.PacketID != 0 {
			terms := journal.Terms{QoS: min(r.QoS, m.Publish.QoS), Retain: true, PacketID: k.PacketID, Identifiers: r.Identifiers}
			to := [...]journal.Recipient{{Session: cl.number, Terms: terms}}
			k.Sequence = g.Message(b.journal.Next(), &m.Publish, m.From, m.ExpiresAt(), to[:]).Sequence
		}
	}
	if after != "" {
		g.Replay(cl.number, &journal.Replay{Filter: r.Filter, QoS: r.QoS, Identifiers: r.Identifiers, After: after})
	} else {
		g.EndReplay(cl.number, r.Filter) // if there is another, it is put in when this one is done
	}
	g.Wait(t.lane, x)
	t.Stored(b.journal)
}

func (x *expansion) expand(t *turn) {
	x.client.out.Expand(x.replay, x.retained, x.kept, x.after, &t.Turn)
}
