package flow

import (
	"maps"
	"slices"
	"testing"
	"unsafe"

	"github.com/fletchmq/fletch/bench/cputime"
	"github.com/fletchmq/fletch/packets"
)

// An idle session costs these bytes and no allocation.
func TestSizes(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, want uintptr
	}{
		{"Sender", unsafe.Sizeof(Sender[*int]{}), 16},
		{"Receiver", unsafe.Sizeof(Receiver{}), 32},
		{"AliasIn", unsafe.Sizeof(AliasIn{}), 32},
		{"AliasOut", unsafe.Sizeof(AliasOut{}), 56},
		{"exchange of a Sender", unsafe.Sizeof(slot[*int]{}), 16},
		{"PUBLISH not acknowledged", unsafe.Sizeof(pending{}), 6},
		{"QoS 2 identifier held", unsafe.Sizeof(hold{}), 16},
		{"Receipt", unsafe.Sizeof(Receipt{}), 8},
		{"alias", unsafe.Sizeof(alias{}), 32},
	} {
		if c.got != c.want {
			t.Errorf("%s has %d bytes, want %d", c.what, c.got, c.want)
		}
	}
	idle := testing.AllocsPerRun(10, func() {
		var s Sender[*int]
		var r Receiver
		s.Resume(100)
		r.Resume(100)
		for range s.Reset() {
			t.Error("nothing was in flight")
		}
		r.Reset()
	})
	if idle > 1 { // the iterator of Reset
		t.Errorf("an idle session allocates %v times", idle)
	}
}

// cycles are whole exchanges, with eight others in flight.
func cycles() map[string]func() {
	m := new(int)
	var s Sender[*int]
	s.Resume(100)
	for i := range 8 {
		s.Begin(packets.QoS(1+i%2), m)
	}
	var r Receiver
	r.Resume(100)
	for i := range InID(8) {
		rc, _ := r.Publish(i+1, exactly)
		r.Done(rc, packets.Success)
		r.Next()
	}
	id := InID(100)
	receive := func(qos packets.QoS) {
		id = max(100, id+1)
		rc, _ := r.Publish(id, qos)
		r.Done(rc, packets.Success)
		r.Next()
	}
	var in AliasIn
	var out AliasOut
	in.Reset(16)
	out.Reset(16)
	topics := make([][]byte, 32)
	for i := range topics {
		topics[i] = []byte("building/7/floor/3/temperature/" + string(rune('a'+i)))
	}
	n := 0
	return map[string]func(){
		"op=publish-puback": func() {
			id, _ := s.Begin(once, m)
			s.Puback(id)
		},
		"op=publish-pubrec-pubcomp": func() {
			id, _ := s.Begin(exactly, m)
			s.Pubrec(id, packets.Success)
			s.Pubcomp(id)
		},
		"op=subscribe-suback": func() {
			id, _ := s.Request(m)
			s.Reply(id)
		},
		"op=receive-puback": func() { receive(once) },
		"op=receive-pubrec-pubrel": func() {
			receive(exactly)
			r.Pubrel(id)
		},
		"op=receive-duplicate": func() {
			r.Publish(3, exactly)
			r.Next()
		},
		"op=alias-in": func() {
			in.Resolve(uint16(1+n%16), topics[n%32])
			in.Resolve(uint16(1+n%16), nil)
			n++
		},
		"op=alias-out/topics=16": func() {
			out.Use(topics[n%16])
			n++
		},
		"op=alias-out/topics=32": func() {
			out.Use(topics[n%32])
			n++
		},
		"op=resume": func() {
			s.Resume(100)
			for range s.Releases() {
			}
			for _, ok := s.Resend(); ok; _, ok = s.Resend() {
			}
		},
	}
}

func TestNoAllocations(t *testing.T) {
	for name, cycle := range cycles() {
		for range 1000 {
			cycle()
		}
		if n := testing.AllocsPerRun(1000, cycle); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkFlow(b *testing.B) {
	all := cycles() // of one session: in the same order each time
	for _, name := range slices.Sorted(maps.Keys(all)) {
		cycle := all[name]
		b.Run(name, func(b *testing.B) {
			cputime.Report(b)
			for b.Loop() {
				cycle()
			}
		})
	}
}

// BenchmarkWindow keeps a window full, answered in order.
func BenchmarkWindow(b *testing.B) {
	for _, bench := range []struct {
		name   string
		window uint16
	}{{"op=publish-puback/window=10", 10}, {"op=publish-puback/window=1000", 1000}, {"op=publish-puback/window=30000", 30000}} {
		b.Run(bench.name, func(b *testing.B) {
			var s Sender[*int]
			s.Resume(bench.window)
			oldest := OutID(1)
			for s.Available() > 0 {
				s.Begin(once, nil)
			}
			cputime.Report(b)
			for b.Loop() {
				s.Puback(oldest)
				oldest = max(1, oldest+1)
				s.Begin(once, nil)
			}
		})
	}
}
