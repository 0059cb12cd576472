package load

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// A series agrees with who remembers everything.
func TestSeries(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		n := uint32(1 + random.IntN(50))
		start := -n / 2 * uint32(seed%2) // the numbers begin again at 0
		var came []uint32
		for i := range n {
			switch random.IntN(6) {
			case 0: // lost
			case 1: // late, or early
				came = slices.Insert(came, random.IntN(len(came)+1), i)
			case 2: // twice
				came = append(came, i)
				fallthrough
			default:
				came = append(came, i)
			}
		}
		s := series{next: start}
		var want Tally
		greatest, seen := -1, make(map[uint32]bool)
		settledSum := uint32(0)
		for _, i := range came {
			settled, fresh := s.note(start + i)
			settledSum += settled
			if fresh == seen[i] {
				t.Fatalf("seed %d: %d is fresh: %v", seed, i, fresh)
			}
			switch {
			case seen[i]:
				want.Duplicated++
			case int(i) < greatest:
				want.Reordered++
			}
			seen[i] = true
			greatest = max(greatest, int(i))
			if int(settledSum) != greatest+1 {
				t.Fatalf("seed %d: %d are settled after %d", seed, settledSum, greatest)
			}
		}
		want.Lost = uint64(int(n) - len(seen))
		if got := s.end(uint64(start + n)); got != want {
			t.Fatalf("seed %d: got %+v, want %+v of %v", seed, got, want, came)
		}
	}
}

// A packet identifier is used again only when its exchange is over, in whatever order
// the window is acknowledged, and those that are not in use are noticed.
func TestIdentifiers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	s := source{qos: packets.AtLeastOnce}
	inUse := make(map[uint16]bool)
	for s.gate.sent.Load() < 3*identifiers {
		for s.allowed(1) && random.IntN(50) > 0 {
			id := identifier(s.gate.sent.Load())
			if id == 0 || inUse[id] {
				t.Fatalf("identifier %d is in use", id)
			}
			inUse[id] = true
			s.gate.sent.Add(1)
		}
		if len(inUse) > window {
			t.Fatalf("%d messages are in flight", len(inUse))
		}
		if id := uint16(random.Uint32()); !inUse[id] && s.gate.acknowledge(id) == nil {
			t.Fatalf("identifier %d is acknowledged, which is not in use", id)
		}
		for id := range inUse {
			if random.IntN(3) > 0 {
				continue
			}
			if err := s.gate.acknowledge(id); err != nil {
				t.Fatal(err)
			}
			delete(inUse, id)
		}
	}
}

// wild knows who gets a message: the one whose filter matches.
func TestWilderness(t *testing.T) {
	const filters, sinks = 300, 7
	w := newWilderness(filters, sinks)
	var all [sinks][]string
	n := 0
	for i := range all {
		all[i] = w.of(i)
		n += len(all[i])
	}
	if n != filters {
		t.Fatalf("%d filters, want %d", n, filters)
	}
	route := &wanderer{wilderness: w, random: rand.New(rand.NewPCG(3, 0)), sentTo: make([]uint64, sinks)}
	topic := route.topic()
	var sent [sinks]uint64
	total := 0
	const messages = 5000
	for m := range uint64(messages) {
		sequence, receivers := route.put(topic, m)
		matched := int64(0)
		for i, filters := range all {
			for _, f := range filters {
				if packets.MatchTopic(f, topic) {
					matched++
					if uint64(sequence) != sent[i] {
						t.Fatalf("%s has number %d for sink %d, want %d", topic, sequence, i, sent[i])
					}
					sent[i]++
				}
			}
		}
		if matched != receivers {
			t.Fatalf("%s has %d receivers, want %d", topic, receivers, matched)
		}
		total += int(matched)
	}
	for i := range sent {
		if route.sent(i) != sent[i] {
			t.Errorf("%d messages to sink %d, want %d", route.sent(i), i, sent[i])
		}
	}
	if part := float64(total) / messages; part < 0.40 || part > 0.46 {
		t.Errorf("%g of the messages are matched", part)
	}
}
