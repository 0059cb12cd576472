package broker

import (
	"errors"
	"flag"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fletchmq/fletch/broker/store"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

var churn = flag.Duration("churn", time.Second, "how long clients come and go in TestChurn, for each engine")

// TestChurn is many clients that come, go, vanish and take over, and some that
// stay: those lose nothing at QoS 1 and 2. In the end nothing is left of anybody.
func TestChurn(t *testing.T) {
	for name, config := range map[string]Config{
		"loops":             {Engine: EventLoops},
		"goroutines":        {Engine: Goroutines},
		"loops stored":      {Engine: EventLoops, Store: new(store.Memory)},
		"goroutines stored": {Engine: Goroutines, Store: new(store.Memory)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, config)
			c := &crowd{world: w, address: w.serve(), until: time.Now().Add(*churn)}
			var all sync.WaitGroup
			for i := range 1000 {
				all.Go(func() { c.wander(i) })
			}
			for i := range 12 {
				all.Go(func() { c.stay(i) })
			}
			all.Wait()
			t.Logf("%d connections, %d messages to those who stayed", c.visits.Load(), c.arrived.Load())
			if config.Store != nil {
				w.shutDown()
				w.forget()
			}
		})
	}
}

// crowd is what the clients of TestChurn share.
type crowd struct {
	*world
	address string
	until   time.Time
	visits  atomic.Int64
	arrived atomic.Int64
}

func (c *crowd) over() bool { return time.Now().After(c.until) }

// walker is a client that expects to be thrown out.
type walker struct {
	nc  net.Conn
	in  *frame.Reader
	dec packets.FromServer
	v   packets.Version
}

// visit connects as id, and is nil if that comes to nothing.
func (c *crowd) visit(id string, v packets.Version, more ...func(*packets.Connect)) *walker {
	nc, err := net.Dial("tcp", c.address)
	if err != nil {
		c.Error(err)
		return nil
	}
	c.visits.Add(1)
	w := &walker{nc: nc, in: frame.NewReader(nc), v: v}
	w.in.Version = v
	p := &packets.Connect{ClientID: []byte(id), CleanStart: true}
	for _, f := range more {
		f(p)
	}
	if w.send(p) == nil {
		if a, err := w.read(); err == nil && a.(*packets.Connack).Reason == packets.Success {
			return w
		}
	}
	nc.Close()
	return nil
}

func (w *walker) send(all ...packets.Packet) error {
	var b []byte
	for _, p := range all {
		b = p.AppendTo(b, w.v)
	}
	w.nc.SetWriteDeadline(time.Now().Add(time.Minute))
	_, err := w.nc.Write(b)
	return err
}

// read answers what it gives, if that is to be answered.
func (w *walker) read() (packets.Packet, error) {
	w.nc.SetReadDeadline(time.Now().Add(time.Minute))
	first, body, err := w.in.Next()
	if err != nil {
		return nil, err
	}
	x, err := w.dec.Decode(first, body, w.v)
	if err != nil {
		return nil, err
	}
	switch p := x.(type) {
	case *packets.Publish:
		switch p.QoS {
		case packets.AtLeastOnce:
			err = w.send(&packets.Puback{PacketID: p.PacketID})
		case packets.ExactlyOnce:
			err = w.send(&packets.Pubrec{PacketID: p.PacketID})
		}
	case *packets.Pubrel:
		err = w.send(&packets.Pubcomp{PacketID: p.PacketID})
	case *packets.Pubrec:
		err = w.send(&packets.Pubrel{PacketID: p.PacketID})
	case *packets.Disconnect:
		return nil, errors.New(p.String())
	}
	return x, err
}

// readUntil reads up to a packet of that type.
func (w *walker) readUntil(t packets.Type) error {
	for {
		if x, err := w.read(); err != nil || x.Type() == t {
			return err
		}
	}
}

// wander comes and goes, under names that others have as well.
func (c *crowd) wander(i int) {
	for !c.over() {
		w := c.visit("w"+strconv.Itoa(rand.IntN(700)), versions[rand.IntN(3)], func(p *packets.Connect) {
			p.CleanStart = rand.IntN(2) == 0
			p.Props.SetSessionExpiryInterval(uint32(rand.IntN(3)))
			p.HasWill = rand.IntN(2) == 0
			p.Will.Topic = []byte("churn/will")
		})
		if w == nil {
			continue
		}
		c.stroll(w)
		if rand.IntN(3) == 0 {
			w.send(&packets.Disconnect{})
		}
		w.nc.Close()
	}
}

// stroll does this and that, until it is thrown out.
func (c *crowd) stroll(w *walker) {
	filters := []string{"churn/" + strconv.Itoa(rand.IntN(20)), "churn/+", "$share/g/churn/1", "churn/will"}
	s := &packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{
		Filter: []byte(filters[min(rand.IntN(20), 3)]), QoS: packets.QoS(rand.IntN(3)),
	}}}
	if w.send(s) != nil || w.readUntil(packets.TypeSuback) != nil {
		return
	}
	for id := range uint16(rand.IntN(4)) {
		m := message("churn/"+strconv.Itoa(rand.IntN(20)), "wander", packets.QoS(rand.IntN(3)), numbered(id+1))
		m.Retain = rand.IntN(10) == 0
		if w.send(m, &packets.Pingreq{}) != nil || w.readUntil(packets.TypePingresp) != nil {
			return
		}
	}
}

// stay is a publisher, which stays, and its receiver, which stays or, if i is odd,
// vanishes now and then and comes back to its session.
func (c *crowd) stay(i int) {
	v, qos := versions[i%3], packets.QoS(1+i/2%2)
	topic := "stay/" + strconv.Itoa(i)
	r := &keeper{crowd: c, id: "r" + strconv.Itoa(i), v: v, vanishes: i%2 == 1, held: make(map[uint16]bool)}
	if !r.come() {
		c.Errorf("%s: cannot connect", r.id)
		return
	}
	if r.w.send(&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte(topic), QoS: qos}}}) != nil ||
		r.w.readUntil(packets.TypeSuback) != nil {
		c.Errorf("%s: cannot subscribe", r.id)
		return
	}
	var publisher sync.WaitGroup
	publisher.Go(func() { c.number(topic, v, qos) })
	r.receive()
	publisher.Wait()
}

// number publishes numbers from 1 on, each when the one before is acknowledged. The
// last is negative.
func (c *crowd) number(topic string, v packets.Version, qos packets.QoS) {
	w := c.visit("p-"+topic, v)
	if w == nil {
		c.Errorf("%s: its publisher cannot connect", topic)
		return
	}
	defer w.nc.Close()
	end := packets.TypePuback
	if qos == packets.ExactlyOnce {
		end = packets.TypePubcomp
	}
	const least = 20
	for n := 1; n > 0; n++ {
		if n >= least && c.over() {
			n = -n
		}
		if err := w.send(message(topic, strconv.Itoa(n), qos)); err != nil {
			c.Errorf("%s: %v", topic, err)
			return
		}
		if err := w.readUntil(end); err != nil {
			c.Errorf("%s: %v", topic, err)
			return
		}
	}
}

// keeper gets numbers.
type keeper struct {
	*crowd
	w        *walker
	id       string
	v        packets.Version
	vanishes bool
	held     map[uint16]bool // of QoS 2, until PUBREL
}

// come connects to the session.
func (r *keeper) come() bool {
	r.w = r.visit(r.id, r.v, keeping(60))
	return r.w != nil
}

// receive demands all numbers up to the last, in their order, and each once if
// the QoS says so.
func (r *keeper) receive() {
	for n := 0; n >= 0; {
		if r.vanishes && rand.IntN(50) == 0 {
			r.w.nc.Close()
			if !r.come() {
				r.Errorf("%s: cannot come back", r.id)
				return
			}
		}
		x, err := r.w.read()
		if err != nil {
			r.Errorf("%s: %v", r.id, err)
			return
		}
		switch p := x.(type) {
		case *packets.Publish:
			n = r.count(p, n)
		case *packets.Pubrel:
			delete(r.held, p.PacketID)
		}
	}
	r.w.send(&packets.Disconnect{})
	r.w.nc.Close()
}

func (r *keeper) count(p *packets.Publish, n int) int {
	got, _ := strconv.Atoi(string(p.Payload))
	again := p.QoS == packets.ExactlyOnce && r.held[p.PacketID] || p.QoS == packets.AtLeastOnce && p.Dup && 0 < got && got <= n
	if p.QoS == packets.ExactlyOnce {
		r.held[p.PacketID] = true
	}
	if again {
		return n
	}
	if max(got, -got) != n+1 {
		r.Errorf("%s: %d came behind %d: %s", r.id, got, n, p)
	}
	r.arrived.Add(1)
	return got
}
