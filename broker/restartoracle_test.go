package broker

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// oracle does what comes to its mind to a broker, and compares what comes out with a
// model.
type oracle struct {
	*world
	random      *rand.Rand
	publishers  []*author
	subscribers []*diary
	shared      map[string]*fate // what one of those who share is to have
}

// topicOfAll is what the subscribers share.
const topicOfAll = "topic3"

// author is a publisher that sends again what is not acknowledged.
type author struct {
	id string
	v  packets.Version
	p  *peer
	n  int // messages
}

// Whatever happens, a message that is acknowledged reaches each session that waits for
// it: at QoS 2 once, at QoS 1 at least once, and in its order.
// [MQTT-4.3.1-1] [MQTT-4.3.2-1] [MQTT-4.3.3-1] [MQTT-4.6.0-6]
func TestOracleOfRestarts(t *testing.T) {
	for seed := range uint64(16) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			runStored(t, Config{}, func(w *world) {
				o := &oracle{world: w, random: rand.New(rand.NewPCG(seed, 1)), shared: make(map[string]*fate)}
				for i := range 2 {
					a := &author{id: fmt.Sprint("publisher", i), v: modern[(i+int(seed))%2]}
					a.p = w.join(a.v, a.id, keeping(forever))
					o.publishers = append(o.publishers, a)
				}
				for i := range 3 {
					d := &diary{oracle: o, id: fmt.Sprint("subscriber", i), v: modern[i%2]}
					d.begin(w.join(d.v, d.id, keeping(forever)))
					o.subscribers = append(o.subscribers, d)
				}
				for range 250 {
					o.step()
				}
				for _, d := range o.subscribers {
					d.finish()
				}
				for body, f := range o.shared {
					if f.must && f.got == 0 {
						t.Errorf("nobody got %q", body)
					}
				}
			})
		})
	}
}

func (o *oracle) step() {
	d := o.subscribers[o.random.IntN(len(o.subscribers))]
	topic := fmt.Sprint("topic", o.random.IntN(3))
	qos := packets.QoS(o.random.IntN(3))
	switch n := o.random.IntN(100); {
	case n < 50:
		o.publish(o.publishers[o.random.IntN(len(o.publishers))], fmt.Sprint("topic", o.random.IntN(4)), qos)
	case n < 60:
		d.change(topic, qos)
	case n < 64:
		d.away()
	case n < 66:
		d.away()
		for _, f := range o.shared {
			f.must = f.must && f.qos < packets.ExactlyOnce // it may have been sent to d [MQTT-4.8.2-5]
		}
		o.join(d.v, d.id).lose()
		d.begin(o.join(d.v, d.id, keeping(forever)))
	case n < 94:
		d.read(o.random.IntN(8))
	case n < 98:
		o.end(o.crash)
	default:
		o.end(o.restart)
	}
}

// end is that of all connections, by f.
func (o *oracle) end(f func()) {
	f()
	for _, a := range o.publishers {
		a.p = nil
	}
	for _, d := range o.subscribers {
		d.p = nil
	}
}

// publish brings a message to the end of its exchange.
func (o *oracle) publish(a *author, topic string, qos packets.QoS) {
	a.n++
	m := message(topic, fmt.Sprintf("%s %s %d %d", a.id, topic, qos, a.n), qos)
	for _, d := range o.subscribers {
		if granted, ok := d.granted[topic]; ok {
			q := min(qos, granted)
			d.fates[string(m.Payload)] = &fate{qos: q, must: q > 0, once: q != packets.AtLeastOnce && qos != packets.AtLeastOnce}
		}
	}
	if topic == topicOfAll {
		o.shared[string(m.Payload)] = &fate{qos: qos, must: qos > 0, once: qos != packets.AtLeastOnce}
	}
	if qos == 0 {
		o.back(a)
		a.p.send(m)
		o.settle()
		return
	}
	m.PacketID = uint16(1 + a.n%5)
	for !o.exchange(a, m) {
		m.Dup = true
	}
	for qos == packets.ExactlyOnce && !o.exchange(a, &packets.Pubrel{PacketID: m.PacketID}) {
	}
}

func (o *oracle) back(a *author) {
	if a.p == nil {
		a.p = o.resume(a.v, a.id)
	}
}

// exchange is one half of an exchange. It is false if that is cut off.
func (o *oracle) exchange(a *author, x packets.Packet) bool {
	o.back(a)
	cut := o.random.IntN(20)
	if cut == 0 {
		o.hold()
	}
	a.p.send(x)
	switch cut {
	case 0, 1:
		o.end(o.crash)
		return false
	case 2:
		a.p.lose()
		a.p = nil
		return false
	}
	switch y := a.p.next().(type) {
	case *packets.Puback, *packets.Pubrec, *packets.Pubcomp:
		return true
	default:
		o.Fatalf("%s: got %s", a.id, y)
	}
	return false
}
