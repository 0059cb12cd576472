package client

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// matching is what routes are to find, by asking every filter.
func matching(filters map[string]*queue, topic string) (queues []*queue) {
	var names []string
	for f := range filters {
		if packets.MatchTopic(f, topic) {
			names = append(names, f)
		}
	}
	slices.SortFunc(names, packets.CompareFilters)
	for _, f := range names {
		if q := filters[f]; !slices.Contains(queues, q) {
			queues = append(queues, q)
		}
	}
	return queues
}

// randomLevels is up to four random levels.
func randomLevels(rng *rand.Rand, levels ...string) string {
	p := make([]string, 1+rng.IntN(4))
	for i := range p {
		p[i] = levels[rng.IntN(len(levels))]
	}
	return strings.Join(p, "/")
}

func randomTopic(rng *rand.Rand) string {
	for {
		if t := randomLevels(rng, "", "a", "b", "$x"); packets.ValidTopicName(t) {
			return t
		}
	}
}

func randomFilter(rng *rand.Rand) string {
	for {
		f := []string{"", "", "$share/g/", "$share/h/"}[rng.IntN(4)] + randomLevels(rng, "", "a", "b", "$x", "+", "+", "#")
		if packets.ValidTopicFilter(f) {
			return f
		}
	}
}

// [MQTT-4.7.2-1] [MQTT3-4.7.2-1], section 4.7: whatever subscriptions come and go.
func TestRoutesAgainstOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 7))
	queues := []*queue{new(queue), new(queue), new(queue), new(queue), new(queue)}
	for _, most := range []int{3, 12, 200} {
		var r routes
		filters := map[string]*queue{}
		for range 3000 {
			f, q := randomFilter(rng), queues[rng.IntN(len(queues))]
			if rng.IntN(most) > len(filters) {
				if former := r.set(f, q); former != filters[f] {
					t.Fatalf("set %s: former %p, want %p", f, former, filters[f])
				}
				filters[f] = q
			} else {
				if former := r.remove(f); former != filters[f] {
					t.Fatalf("remove %s: %p, want %p", f, former, filters[f])
				}
				delete(filters, f)
			}
			for range 4 {
				topic := randomTopic(rng)
				for _, when := range []string{"at first", "again"} {
					m := r.match([]byte(topic))
					if want := matching(filters, topic); m.topic != topic || !slices.Equal(m.queues, want) {
						t.Fatalf("%s %s of %v: %q %v, want %v", topic, when, slices.Sorted(maps.Keys(filters)), m.topic, m.queues, want)
					}
				}
			}
		}
		var names []string
		for f, q := range r.all() {
			if names = append(names, f); q != filters[f] {
				t.Errorf("all: %s has %p, want %p", f, q, filters[f])
			}
		}
		if want := slices.Sorted(maps.Keys(filters)); !slices.Equal(names, want) {
			t.Errorf("all: %v, want %v", names, want)
		}
	}
}

// Filters come and go for years, as those of answers do.
func TestRoutesKeepNothingOfWhatIsGone(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var r routes
	for range 500 {
		r.set(randomFilter(rng), new(queue))
	}
	for f := range r.all() {
		r.remove(f)
	}
	if n := len(r.filters) + len(r.root.next) + len(r.root.here) + len(r.root.rest); n != 0 {
		t.Errorf("left: %v, %+v", r.filters, r.root)
	}
}

func (c *recent) has(topic string) bool { return c.young[topic] != nil || c.old[topic] != nil }

func TestRecentTopicsAreBounded(t *testing.T) {
	for _, length := range []int{8, 100, recentLength} {
		var r routes
		for i := range 50 {
			r.set(fmt.Sprintf("$share/%d/#", i), new(queue))
		}
		for i := range 3 * recentTopics {
			r.match(fmt.Appendf(nil, "%0*d", length, i))
			if i%29 != 0 {
				continue // counting takes its time
			}
			topics, size := 0, 0
			for _, generation := range []map[string]*route{r.recent.young, r.recent.old} {
				for topic, m := range generation {
					topics, size = topics+1, size+len(topic)+queueSize*len(m.queues)
				}
			}
			if topics > recentTopics || size > recentSize {
				t.Fatalf("%d topics of %d bytes are kept: %d bytes", topics, length, size)
			}
		}
	}
}

func TestRecentTopicsAreKept(t *testing.T) {
	var r routes
	r.set("#", new(queue))
	often := r.match([]byte("often"))
	seldom := r.match([]byte("seldom"))
	for i := range recentTopics/2 - 2 {
		r.match(fmt.Appendf(nil, "%d", i))
	}
	if r.match([]byte("seldom")) != seldom {
		t.Errorf("%d topics are enough to forget one", recentTopics/2-1)
	}
	for i := range 10 * recentTopics {
		r.match(fmt.Appendf(nil, "%d", i))
		if i%1000 == 0 && r.match([]byte("often")) != often {
			t.Fatalf("a topic of every 1000th message is forgotten at message %d", i)
		}
	}
	if r.recent.has("seldom") {
		t.Error("a topic that no longer comes is kept")
	}
	long := strings.Repeat("x", recentLength+1)
	if m := r.match([]byte(long)); m.topic != long || len(m.queues) != 1 || r.recent.has(long) {
		t.Errorf("a topic of %d bytes: %d queues, kept: %v", len(long), len(m.queues), r.recent.has(long))
	}
}

func TestKnownRouteDoesNotAllocate(t *testing.T) {
	var r routes
	r.set("factory/+/#", new(queue))
	topics := make([][]byte, 300)
	for i := range topics {
		topics[i] = fmt.Appendf(nil, "factory/line%d/temperature", i)
		r.match(topics[i])
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, topic := range topics {
			if len(r.match(topic).queues) != 1 {
				t.Error("no match")
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRoutes(b *testing.B) {
	for _, filters := range []int{1, 100, 10_000} {
		var r routes
		for i := range filters {
			filter := fmt.Sprintf("factory/line%d/temperature", i)
			if i%10 == 0 {
				filter = fmt.Sprintf("factory/line%d/+", i)
			}
			r.set(filter, new(queue))
		}
		for _, op := range []struct {
			name   string
			topics int
			forget bool
		}{{"hit", 1, false}, {"hit", 1000, false}, {"changed", 1000, true}, {"miss", 20_000, false}} {
			topics := make([][]byte, op.topics)
			for i := range topics {
				topics[i] = fmt.Appendf(nil, "factory/line%d/temperature", i)
			}
			b.Run(fmt.Sprintf("filters=%d/op=%s/topics=%d", filters, op.name, op.topics), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if op.forget {
						r.recent.forget()
					}
					if r.match(topics[i]); i == len(topics)-1 {
						i = -1
					}
					i++
				}
			})
		}
	}
}

func TestClaimsKeepNothingOfWhatIsGone(t *testing.T) {
	var s claims
	s.init(false)
	var last *claim
	for range 3 {
		last = &claim{subscription: Subscription{Filter: "a"}, identifier: s.nextIdentifier(), queue: newPulled()}
		s.add(last)
	}
	s.replace("a", last, nil)
	if len(s.piles) > 0 || len(s.identifiers) > 0 || len(s.routes.filters) > 0 {
		t.Errorf("%d piles, %d identifiers and %d routes are left", len(s.piles), len(s.identifiers), len(s.routes.filters))
	}
}
