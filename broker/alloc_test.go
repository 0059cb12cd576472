//go:build !race

package broker

import (
	"fmt"
	"testing"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// receiver is a client whose writer is the test.
type receiver struct {
	line    *session.Line
	encoder session.Encoder
	batch   session.Batch
	buf     []byte
}

func receive(b *Broker, number uint64, p session.Peer, o topics.Options) *receiver {
	cl := &client{id: "receiver", number: number, out: session.NewOutbox(b.budget)}
	b.subscriptions.Subscribe("a/+/c", topics.Subscription[*client]{ID: number, Subscriber: cl, Options: o})
	r := new(receiver)
	r.line = cl.out.Attach(p, &packets.Connack{}, r, new(session.Turn))
	r.take(&conn{b: b})
	return r
}

// Flush is nothing: the test takes.
func (r *receiver) Flush(*session.Line) {}
func (r *receiver) Relieved()           {}

// take gives how many messages there were.
func (r *receiver) take(c *conn) (n int) {
	for r.line.Take(&r.batch) == session.Filled {
		r.buf = r.buf[:0]
		for i := range r.batch.Messages {
			d := &r.batch.Messages[i]
			c.tellDelivered(d)
			r.buf, _ = r.encoder.Append(r.buf, r.line, d)
			d.Message.Release()
			n++
		}
	}
	return n
}

// silent is a hook for all that happens to messages.
type silent struct{ heard int }

func (x *silent) Published(Published) { x.heard++ }
func (x *silent) Delivered(Delivered) { x.heard++ }

// The way of a message at QoS 0, from the packet that comes in to those that go
// out, allocates nothing, whether somebody listens or not.
func TestPublishDoesNotAllocate(t *testing.T) {
	publishDoesNotAllocate(t, Config{})
	x := new(silent)
	publishDoesNotAllocate(t, Config{Hooks: x})
	if x.heard == 0 {
		t.Error("nothing heard")
	}
}

func publishDoesNotAllocate(t *testing.T, config Config) {
	t.Helper()
	b, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	all := []*receiver{
		receive(b, 1, session.Peer{Version: packets.V311}, topics.Options{}),
		receive(b, 2, session.Peer{Version: packets.V5, MaximumPacketSize: 1000}, topics.Options{QoS: 1, Identifiers: []uint32{300}}),
		receive(b, 3, session.Peer{Version: packets.V5, TopicAliasMaximum: 5}, topics.Options{}),
	}
	m := message("a/b/c", "payload", 0)
	m.Props.AddUserProperty([]byte("k"), []byte("v"))
	packet := m.AppendTo(nil, packets.V5)
	c := &conn{b: b, clientID: "publisher", turn: new(turn)}
	allocs := testing.AllocsPerRun(1000, func() {
		m, err := session.Decode(frame.Copy(packet[2:]), packet[0], packets.V5)
		if err != nil {
			t.Fatal(err)
		}
		if refused, err := c.mayPublish(&m.Publish); refused != nil || err != nil {
			t.Fatal(refused, err)
		}
		c.publish(m)
		m.Release()
		c.turn.Flush()
		for _, r := range all {
			if r.take(c) != 1 {
				t.Fatal("not delivered")
			}
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// Publishers with many topic names leave no garbage: the memory of what is remembered is
// used again.
func TestRoutesDoNotAllocate(t *testing.T) {
	b, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	receive(b, 1, session.Peer{Version: packets.V311}, topics.Options{})
	x := &turn{routes: new(routes)}
	var names [][]byte
	for i := range 10 * len(x.routes) {
		names = append(names, fmt.Appendf(nil, "a/b/%06d", i))
	}
	names = append(names, []byte("a/b/c")) // which has a receiver
	next := func() {
		for _, name := range names {
			x.match(b, name)
			x.matched()
		}
	}
	if n := testing.AllocsPerRun(5, next); n != 0 {
		t.Errorf("%v allocations for %d topic names", n, len(names))
	}
}
