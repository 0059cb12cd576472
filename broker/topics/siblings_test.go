package topics

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// A name with more levels than Match looks at in one go is got to, and behind.
func TestRetainedDeep(t *testing.T) {
	r := NewRetained[int](plenty)
	deep := strings.Repeat("a/", 2*portion)
	for i := range 2 * portion {
		r.set(deep[:2*i+1], i)
	}
	for _, n := range []int{100, plenty.Messages} {
		found := r.all("#", n)
		for i, got := range found {
			if got != i {
				t.Fatalf("%d of %d at %d", got, len(found), i)
			}
		}
		if len(found) != 2*portion {
			t.Errorf("found %d", len(found))
		}
	}
}

// Many names under one level, of which not all differ in their first bytes.
func TestRetainedManySiblings(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	r := NewRetained[string](plenty)
	there := map[string]bool{}
	change := func(n, most int) {
		for range n {
			topic := fmt.Sprintf("x/%s%d", []string{"", "device-", "device-number-"}[random.IntN(3)], random.IntN(2000))
			if random.IntN(3) == 0 {
				topic += "/y"
			}
			if len(there) < most && !there[topic] {
				there[topic] = true
				r.set(topic, topic)
			} else if r.Remove(topic) != there[topic] {
				t.Fatalf("%q: is there %v", topic, there[topic])
			} else {
				delete(there, topic)
			}
		}
	}
	check := func() {
		for _, f := range []string{"#", "x/+", "+/+/y", "x/device-7/#"} {
			var want []string
			for topic := range there {
				if packets.MatchTopic(f, topic) {
					want = append(want, topic)
				}
			}
			slices.SortFunc(want, byLevels)
			if got := r.all(f, 1+random.IntN(50)); !slices.Equal(got, want) {
				t.Fatalf("%q: %d found, want %d", f, len(got), len(want))
			}
		}
		if r.Len() != len(there) {
			t.Fatalf("%d messages, want %d", r.Len(), len(there))
		}
	}
	for _, most := range []int{4000, 100, 3000, 0} {
		for range 4 {
			change(2000, most)
			check()
		}
		for topic := range there {
			if len(there) <= most {
				break
			}
			delete(there, topic)
			r.Remove(topic)
		}
		check()
	}
	if r.root.children != nil {
		t.Error("something is left")
	}
}
