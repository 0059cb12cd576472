package client

import (
	"sync"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
	"github.com/fletchmq/fletch/packets/frame"
)

// outbox is the messages and requests on their way to the server, under Client.mu.
type outbox struct {
	out      flow.Sender[exchange]
	quick    waiting    // QoS 0, wait for room
	tracked  waiting    // QoS 1 and 2, wait for room and quota
	requests []*request // not sent
	turns    uint64
	kept     int // messages that are not over, of PublishAsync and with a Store of Publish
	bytes    int // that they cost
	space    chan struct{}
	idle     idle
	waiters  sync.Pool // of *waiter
	stored   stored
}

func (o *outbox) init() { o.space = make(chan struct{}, 1) }

// exchange is whose answer is waited for: one of the two is not nil.
type exchange struct {
	p *publishing
	r *request
}

// publishing is a message on its way.
type publishing struct {
	publish   packets.Publish
	memory    *frame.Frame // holds what publish is made of, nil if that is the caller's
	done      chan error   // gets the outcome of Publish, once; room for it
	handle    *Delivery    // gets the outcome of PublishAsync
	cost      int          // what counts against MaximumQueuedBytes
	turn      uint64       // the order of Publish and PublishAsync
	key       uint64       // in the Store, 0 if it is not there
	sent      bool         // or a part of it may be
	releasing *link        // the connection of the first PUBREL
	alone     bool         // nobody waits for the outcome
	restored  bool         // from a Store, by an earlier process
	queue     *waiting     // where it waits, nil if nowhere
	prev      *publishing
	next      *publishing
}

// waiting is messages in the order of sending.
type waiting struct {
	first, last *publishing
	n           int
}

func (w *waiting) push(p *publishing) {
	p.queue, p.prev, p.next = w, w.last, nil
	if w.last == nil {
		w.first = p
	} else {
		w.last.next = p
	}
	w.last = p
	w.n++
}

// pushFront is for what was sent, and has to be sent once more.
func (w *waiting) pushFront(p *publishing) {
	p.queue, p.prev, p.next = w, nil, w.first
	if w.first == nil {
		w.last = p
	} else {
		w.first.prev = p
	}
	w.first = p
	w.n++
}

func (w *waiting) remove(p *publishing) {
	if p.prev == nil {
		w.first = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next == nil {
		w.last = p.prev
	} else {
		p.next.prev = p.prev
	}
	p.queue, p.prev, p.next = nil, nil, nil
	w.n--
}

// keep makes p independent of the memory of its caller.
func (p *publishing) keep() {
	if p.memory != nil {
		return
	}
	from := &p.publish
	p.memory = frame.New(len(from.Topic) + len(from.Payload) + propertyBytes(&from.Props))
	rest := p.memory.Bytes()
	own := func(b []byte) []byte {
		n := copy(rest, b)
		b, rest = rest[:n:n], rest[n:]
		return b
	}
	from.Topic, from.Payload = own(from.Topic), own(from.Payload)
	ownProperties(&from.Props, own)
}

// ownProperties has each slice of the properties copied by own.
func ownProperties(p *packets.PublishProps, own func(b []byte) []byte) {
	if p.Has() == 0 {
		return
	}
	if all := p.UserProperties(); len(all) > 0 {
		p.SetUserProperties(own(all))
	}
	if b, ok := p.ContentType(); ok {
		p.SetContentType(own(b))
	}
	if b, ok := p.ResponseTopic(); ok {
		p.SetResponseTopic(own(b))
	}
	if b, ok := p.CorrelationData(); ok {
		p.SetCorrelationData(own(b))
	}
}

// propertyBytes is what the properties point to.
func propertyBytes(p *packets.PublishProps) int {
	if p.Has() == 0 {
		return 0
	}
	contentType, _ := p.ContentType()
	topic, _ := p.ResponseTopic()
	correlation, _ := p.CorrelationData()
	return len(p.UserProperties()) + len(contentType) + len(topic) + len(correlation)
}

// pump moves what waits to the bytes to be written while there is room, and for
// QoS 1 and 2 quota. QoS 0 does not wait for quota.
func (c *Client) pump(l *link) {
	for len(l.buf) < room && !l.closing {
		if c.sendAgain(l) {
			continue
		}
		quick, tracked := c.sendQuick(l), c.sendTracked(l)
		if !quick && !tracked {
			return
		}
	}
}

// sendAgain sends what an earlier connection has sent without an answer.
func (c *Client) sendAgain(l *link) bool {
	e, ok := c.out.Resend()
	if !ok {
		return false
	}
	p := e.M.p
	p.publish.PacketID, p.publish.Dup = uint16(e.ID), true // [MQTT-3.3.1-1] [MQTT3-2.3.1-3]
	if err := l.limits.checkPublish(&p.publish, l.version); err != nil {
		c.settle(l, e, err)
		return true
	}
	l.send(&p.publish)
	return true
}

// settle ends an exchange of an earlier connection that cannot go on, as this server
// would not take its message. It may have had it, and hold its identifier until PUBREL.
func (c *Client) settle(l *link, e flow.Exchange[exchange], err error) {
	if e.QoS() == packets.AtLeastOnce {
		c.out.Puback(e.ID)
	} else {
		c.out.Pubrec(e.ID, packets.Success)
		c.out.Swap(e.ID, exchange{p: &publishing{alone: true}})
		l.pubrel(uint16(e.ID), packets.Success)
	}
	c.finish(e.M.p, failed(ErrUnknown, err))
}

func (c *Client) sendQuick(l *link) bool {
	p := c.quick.first
	if p == nil {
		return false
	}
	c.quick.remove(p)
	if err := l.limits.checkPublish(&p.publish, l.version); err != nil {
		c.finish(p, err)
		return true
	}
	p.sent = true
	l.waiters = append(l.waiters, p)
	l.send(&p.publish)
	return true
}

func (c *Client) sendTracked(l *link) bool {
	p := c.tracked.first
	if p == nil {
		return false
	}
	if err := l.limits.checkPublish(&p.publish, l.version); err != nil {
		c.tracked.remove(p)
		c.finish(p, err)
		return true
	}
	if !c.begin(p) { // [MQTT-3.3.4-7]
		return false
	}
	c.tracked.remove(p)
	p.sent, p.publish.Dup = true, false
	l.send(&p.publish)
	return true
}

// begin starts the exchange of p, if there is quota.
func (c *Client) begin(p *publishing) bool {
	if p.key != 0 {
		return c.out.BeginAs(p.publish.QoS, flow.OutID(p.publish.PacketID), exchange{p: p})
	}
	id, ok := c.out.Begin(p.publish.QoS, exchange{p: p})
	p.publish.PacketID = uint16(id)
	return ok
}

// send appends p to what is to be written, with a topic alias if there is one.
func (l *link) send(p *packets.Publish) {
	l.c.counts.sent++
	alias, known := l.aliases.Use(p.Topic)
	if alias == 0 {
		l.buf = p.AppendTo(l.buf, l.version)
		return
	}
	aliased := *p
	aliased.Props.SetTopicAlias(alias)
	if known {
		aliased.Topic = nil
	} else if !l.limits.fits(aliased.Size(l.version)) {
		l.aliases.Forget(alias)
		aliased = *p
	}
	l.buf = aliased.AppendTo(l.buf, l.version)
}
