package client

import (
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// queue is the messages for one handler, or for Receive. The reader adds to waiting,
// with Client.mu, while the goroutine of the handler is at what it has taken: the two
// change places, and their memory with them.
type queue struct {
	handler Handler
	waiting pile
	taken   pile
	running bool    // a goroutine calls the handler
	message Message // that the handler is called with
	run     func()
	next    int // record of taken
	freed   int // cost of those behind it that is not given back yet

	// Without a handler.
	arrived chan struct{}    // wakes who takes messages; room for one
	at      func(m *Message) // takes each message when it arrives, with Client.mu
}

func (c *Client) newQueue(h Handler) *queue {
	q := &queue{handler: h}
	q.run = func() { c.serveQueue(q) }
	return q
}

// messageOf makes m of a PUBLISH, whose memory it shares.
func messageOf(p *packets.Publish, topic string) Message {
	p.Props.Unset(packets.PropTopicAlias) // it says nothing beyond its connection
	p.Props.Unset(packets.PropSubscriptionIdentifier)
	return Message{Topic: topic, Payload: p.Payload, QoS: p.QoS, Retain: p.Retain, Dup: p.Dup, Props: p.Props}
}

// newPulled is a queue without a handler.
func newPulled() *queue { return &queue{arrived: make(chan struct{}, 1)} }

// start has someone take what waits.
func (q *queue) start() {
	switch {
	case q.arrived != nil:
		nudge(q.arrived)
	case !q.running:
		q.running = true
		go q.run()
	}
}

// share is a message that several queues have.
type share struct {
	pending int // queues that are not done with it
	err     error
}

// record is one message of a pile.
type record struct {
	topic   string
	at, n   int // where its body is
	first   byte
	version packets.Version
	link    uint32 // see inbox.links
	held    bool   // Message.Ack acknowledges it, or nobody
	stray   bool   // nobody has claimed it
	receipt flow.Receipt
	share   *share
	cost    int
	err     error // of the handler
}

// due reports whether r is to be acknowledged when it is handled.
func (r *record) due() bool { return r.receipt != (flow.Receipt{}) && !r.held }

// pile is messages in the order of arrival, and the bytes of their packets.
type pile struct {
	records []record
	bytes   []byte
	publish packets.Publish // decoded into again and again
	littles int             // how many times it was hardly filled
}

// A pile keeps its memory, unless that is more than this, in bytes, or it was hardly
// filled so many times.
const (
	largePile   = 2 * pauseAt
	smallPile   = 64 << 10
	manyLittles = 64
)

func (p *pile) add(topic string, x *arrival, s *share) {
	p.records = append(p.records, record{
		topic: topic, at: len(p.bytes), n: len(x.body), first: x.first, version: x.version, link: x.link,
		receipt: x.receipt, share: s, cost: x.cost, stray: x.stray,
	})
	p.bytes = append(p.bytes, x.body...)
}

// read makes m of r. It is good until reset.
func (p *pile) read(r *record, m *Message) error {
	x := &p.publish
	if err := x.Decode(r.first, p.bytes[r.at:r.at+r.n:r.at+r.n], r.version); err != nil {
		return err
	}
	*m = messageOf(x, r.topic)
	return nil
}

// reset empties p.
func (p *pile) reset() {
	size := cap(p.bytes) + cap(p.records)*messageCost
	if used := len(p.bytes) + len(p.records)*messageCost; size > smallPile && 4*used < size {
		p.littles++
	} else {
		p.littles = 0
	}
	clear(p.records)
	p.records, p.bytes = p.records[:0], p.bytes[:0]
	if size > largePile || p.littles == manyLittles {
		*p = pile{}
	}
}
