package broker

import (
	"reflect"
	"testing"

	"github.com/fletchmq/fletch/broker/loop"
	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
)

// A connection that waits holds nothing to handle packets with, nor to send them.
func TestIdleConnectionsAreSmall(t *testing.T) {
	run(t, Config{}, func(w *world) {
		a := w.join(packets.V5, "a")
		a.subscribe("x", 1)
		a.send(message("x", "m", 1))
		for range 2 { // PUBACK is before the message or behind it
			if m, ok := a.next().(*packets.Publish); ok {
				a.send(&packets.Puback{PacketID: m.PacketID})
			}
		}
		c := w.b.clients["a"].conn
		w.settle()
		if c.turn != nil || c.proof != nil {
			t.Error("an idle connection has the memory of one that works")
		}
	})
}

// These are the size classes of the allocator, of which a connection has one each: one
// field more may cost half as much again.
func TestConnectionsAreSmall(t *testing.T) {
	for _, x := range []struct {
		what reflect.Type
		most uintptr
	}{
		{reflect.TypeFor[polled](), 256},
		{reflect.TypeFor[client](), 160},
		{reflect.TypeFor[session.Outbox](), 128},
		{reflect.TypeFor[session.Line](), 80},
		{reflect.TypeFor[loop.FD](), 32},
	} {
		if n := x.what.Size(); n > x.most {
			t.Errorf("%v has %d bytes, want %d at most", x.what, n, x.most)
		}
	}
}

// What large packets took is not kept for small ones.
func TestTurnForgetsLargePackets(t *testing.T) {
	run(t, Config{}, func(w *world) {
		w.join(packets.V5, "a")
		w.settle()
		c := w.b.clients["a"].conn
		c.turn = new(turn)
		defer func() { c.turn.Flush(); c.turn = nil }()
		s := &packets.Unsubscribe{PacketID: 2}
		for range keepBody / 3 {
			s.Filters = append(s.Filters, []byte("f"))
		}
		packet := s.AppendTo(nil, packets.V5)
		if err := c.packet(packet[0], packet[len(packet)-s.Size(packets.V5):]); err != nil {
			t.Fatal(err)
		}
		if n := cap(c.turn.dec.Unsubscribe.Filters) + cap(c.turn.answer.unsuback.Reasons); n > 0 {
			t.Errorf("room for %d filters and reasons", n)
		}
	})
}
