package broker

import (
	"fmt"
	"strings"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// fate is what a subscriber is to have of a message.
type fate struct {
	qos  packets.QoS
	must bool
	once bool // at most
	got  int
}

// diary is a subscriber that keeps its side of the session, and knows what it is to
// have.
type diary struct {
	*oracle
	id      string
	v       packets.Version
	p       *peer // nil while it is away
	granted map[string]packets.QoS
	fates   map[string]*fate  // by payload
	held    map[uint16]string // QoS 2 identifiers until PUBREL
	last    map[string]int    // number of the last message by publisher, topic and QoS
}

func (d *diary) begin(p *peer) {
	d.p = p
	d.granted = make(map[string]packets.QoS)
	d.fates = make(map[string]*fate)
	d.held = make(map[uint16]string)
	d.last = make(map[string]int)
	p.subscribe("$share/g/"+topicOfAll, 2)
}

func (d *diary) away() {
	if d.p != nil {
		d.p.lose()
		d.p = nil
	}
}

func (d *diary) back() {
	if d.p == nil {
		d.p = d.resume(d.v, d.id, func(c *packets.Connect) { c.Props.SetReceiveMaximum(uint16(1 + d.random.IntN(10))) })
	}
}

// change subscribes, or unsubscribes: what waits for that topic may be sent or not.
func (d *diary) change(topic string, qos packets.QoS) {
	d.back()
	_, had := d.granted[topic]
	if !had || d.random.IntN(2) == 0 {
		d.p.send(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte(topic), QoS: qos}}})
		d.granted[topic] = qos
	} else {
		d.p.send(&packets.Unsubscribe{PacketID: 1, Filters: [][]byte{[]byte(topic)}})
		delete(d.granted, topic)
		for body, f := range d.fates {
			if f.got == 0 && strings.Contains(body, topic) {
				f.must = false
			}
		}
	}
	for {
		switch x := d.p.next().(type) {
		case *packets.Suback, *packets.Unsuback:
			return
		default:
			d.take(x)
		}
	}
}

// read handles up to n packets. Now and then what it answers is lost.
func (d *diary) read(n int) {
	d.back()
	for ; n > 0 && d.p != nil; n-- {
		x, err := d.p.read(time.Second)
		if err != nil {
			return
		}
		lost := d.random.IntN(12)
		if lost == 0 {
			d.note(x)
			d.away()
			return
		}
		if lost == 1 {
			d.hold()
		}
		d.take(x)
		if lost == 1 {
			d.end(d.crash)
		}
	}
}

func (d *diary) take(x packets.Packet) {
	if answer := d.note(x); answer != nil {
		d.p.send(answer)
	}
}

// note writes down a packet, and gives the answer.
func (d *diary) note(x packets.Packet) packets.Packet {
	switch x := x.(type) {
	case *packets.Pubrel:
		delete(d.held, x.PacketID)
		return &packets.Pubcomp{PacketID: x.PacketID}
	case *packets.Publish:
		return d.message(x)
	}
	d.Fatalf("%s: got %s", d.id, x)
	return nil
}

func (d *diary) message(x *packets.Publish) packets.Packet {
	f := d.fates[string(x.Payload)]
	if string(x.Topic) == topicOfAll {
		f = d.shared[string(x.Payload)]
	}
	if f == nil || f.qos != x.QoS {
		d.Fatalf("%s: %s is not for it: %v", d.id, x, f)
	}
	if x.QoS == packets.ExactlyOnce {
		switch before, held := d.held[x.PacketID]; {
		case held && (before != string(x.Payload) || !x.Dup):
			d.Fatalf("%s: %s, but %q has the identifier", d.id, x, before)
		case held:
			return &packets.Pubrec{PacketID: x.PacketID}
		}
		d.held[x.PacketID] = string(x.Payload)
	}
	if f.got++; f.got > 1 && f.once {
		d.Fatalf("%s: %s comes twice", d.id, x)
	}
	var from, topic string
	var qos, n int
	fmt.Sscan(string(x.Payload), &from, &topic, &qos, &n)
	line := fmt.Sprint(from, topic, qos, f.qos)
	if f.got == 1 && topic != topicOfAll {
		if n <= d.last[line] {
			d.Fatalf("%s: %s comes after %d", d.id, x, d.last[line])
		}
		d.last[line] = n
	}
	switch x.QoS {
	case packets.AtLeastOnce:
		return &packets.Puback{PacketID: x.PacketID}
	case packets.ExactlyOnce:
		return &packets.Pubrec{PacketID: x.PacketID}
	}
	return nil
}

// finish takes all that is still to come.
func (d *diary) finish() {
	d.back()
	for x, err := d.p.read(time.Second); err == nil; x, err = d.p.read(time.Second) {
		d.take(x)
	}
	for body, f := range d.fates {
		if f.must && f.got == 0 {
			d.Errorf("%s never got %q at QoS %d", d.id, body, f.qos)
		}
	}
}
