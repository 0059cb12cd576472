package topics

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// sub is a subscription in the oracle.
type sub struct {
	id     uint64
	filter string
}

func (s sub) subscription() Subscription[string] {
	return Subscription[string]{ID: s.id, Subscriber: s.filter, Options: Options{QoS: packets.QoS(s.id % 3), Identifiers: []uint32{1 + uint32(s.id)}}}
}

// matching is the subscriptions out of all whose filters match topic.
func matching(all map[sub]bool, topic string) map[sub]bool {
	found := map[sub]bool{}
	for s, has := range all {
		if has && packets.MatchTopic(s.filter, topic) {
			found[s] = true
		}
	}
	return found
}

// checkFound reports what is wrong with what Match found for topic by itself, and
// gives it.
func checkFound(t *testing.T, topic string, found []Subscription[string]) map[sub]bool {
	got := map[sub]bool{}
	left := map[uint64]bool{}
	for i, s := range found {
		x := sub{s.ID, s.Subscriber}
		if got[x] {
			t.Errorf("%q: %v is twice", topic, x)
		}
		if i > 0 && found[i-1].ID != s.ID {
			left[found[i-1].ID] = true
		}
		if left[s.ID] {
			t.Errorf("%q: %d does not stand side by side", topic, s.ID)
		}
		if want := x.subscription(); s.QoS != want.QoS || !slices.Equal(s.Identifiers, want.Identifiers) {
			t.Errorf("%q: %v has options %v", topic, x, s.Options)
		}
		got[x] = true
	}
	return got
}

// churn is a Tree that changes at random while it is read. What each subscriber
// does is for one goroutine: those below stable have the same all the time.
type churn struct {
	tree   Tree[string]
	topics []string
	wanted []map[sub]bool // for each topic, what is there all the time
	done   atomic.Bool
}

const stable = 3

// Where most of it happens: a filter with many subscribers, and a path that others
// part from, and join again.
var (
	hotFilters = []string{"a/b", "p", "p/q", "p/q/r", "p/+/r/#", "p/q/r/s/x"}
	hotTopics  = []string{"a/b", "p/q/r/s"}
)

// write has its own subscribers come and go.
func (c *churn) write(t *testing.T, random *rand.Rand, filters []string, ids []uint64) map[sub]bool {
	mine := map[sub]bool{}
	for n := range 20_000 {
		s := sub{ids[random.IntN(len(ids))], filters[random.IntN(len(filters))]}
		if n%2 == 0 {
			s.filter = hotFilters[random.IntN(len(hotFilters))]
			s.id = ids[0]
		} else if n%5 == 0 {
			s.filter = "a/b"
		}
		if kept := (sub{ids[0] % stable, "a/b"}); n%3 == 0 && !c.tree.Subscribe(kept.filter, kept.subscription()) {
			t.Errorf("%v was not there to replace", kept)
		}
		switch {
		case mine[s] && random.IntN(4) == 0:
			if !c.tree.Subscribe(s.filter, s.subscription()) {
				t.Errorf("%v was not there to replace", s)
			}
			continue
		case mine[s]:
			if !c.tree.Unsubscribe(s.filter, s.id) {
				t.Errorf("%v is lost", s)
			}
		case c.tree.Subscribe(s.filter, s.subscription()):
			t.Errorf("%v was there", s)
		}
		mine[s] = !mine[s]
	}
	return mine
}

// read finds what is there all the time, and nothing that does not match.
func (c *churn) read(t *testing.T, random *rand.Rand) {
	var found []Subscription[string]
	for !c.done.Load() && !t.Failed() {
		i := random.IntN(len(c.topics))
		if random.IntN(10) > 0 {
			i = random.IntN(len(hotTopics))
		}
		topic := c.topics[i]
		found = c.tree.Match(found[:0], []byte(topic))
		got := checkFound(t, topic, found)
		for s := range c.wanted[i] {
			if !got[s] {
				t.Errorf("%q: misses %v", topic, s)
			}
		}
		for s := range got {
			if !packets.MatchTopic(s.filter, topic) {
				t.Errorf("%q: found %v", topic, s)
			}
		}
	}
}

func TestTreeAgainstOracleConcurrently(t *testing.T) {
	filters := append(allFilters(), hotFilters...)
	topics := append(hotTopics, slices.DeleteFunc(allTopics(), func(s string) bool { return slices.Contains(hotTopics, s) })...)
	for i := range 50 { // so that a node has many children, at times
		filters = append(filters, fmt.Sprintf("a/%d", i), fmt.Sprintf("%d/+/c", i))
		topics = append(topics, fmt.Sprintf("a/%d", i), fmt.Sprintf("%d/b/c", i))
	}
	c := churn{topics: topics}
	all := map[sub]bool{}
	keep := func(s sub) {
		all[s] = true
		c.tree.Subscribe(s.filter, s.subscription())
	}
	for id := range uint64(stable) {
		keep(sub{id, "a/b"})
		keep(sub{id, "p/q/r/s"})
		for i, f := range filters {
			if i%5 == int(id) && f[0] != 'p' {
				keep(sub{id, f})
			}
		}
	}
	for _, topic := range topics {
		c.wanted = append(c.wanted, matching(all, topic))
	}
	var readers, writers sync.WaitGroup
	var mu sync.Mutex
	for g := range uint64(2) {
		readers.Go(func() { c.read(t, rand.New(rand.NewPCG(g, 1))) })
		writers.Go(func() {
			var ids []uint64
			for i := range uint64(50) {
				ids = append(ids, stable+2*i+g)
			}
			mine := c.write(t, rand.New(rand.NewPCG(g, 2)), filters, ids)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(all, mine)
		})
	}
	writers.Wait()
	c.done.Store(true)
	readers.Wait()
	for _, topic := range topics {
		got := checkFound(t, topic, c.tree.Match(nil, []byte(topic)))
		if !maps.Equal(got, matching(all, topic)) {
			t.Errorf("%q: not what is there", topic)
		}
	}
	for s, has := range all {
		if has != c.tree.Unsubscribe(s.filter, s.id) {
			t.Errorf("%v: there is %v", s, !has)
		}
	}
	checkEmpty(t, &c.tree)
}

// Who changes the tree does not hold up who reads it.
func TestMatchTakesNoLock(t *testing.T) {
	var tree Tree[string]
	tree.Subscribe("a/b", Subscription[string]{ID: 1})
	tree.Subscribe("+/b", Subscription[string]{ID: 2})
	tree.shard("a/b").mu.Lock()
	tree.wild.mu.Lock()
	if found := ids(tree.Match(nil, []byte("a/b"))); !slices.Equal(found, []uint64{1, 2}) {
		t.Errorf("found %v", found)
	}
}

func checkEmpty[S any](t *testing.T, tree *Tree[S]) {
	t.Helper()
	if tree.Len() != 0 || tree.wild.root.below.Load() != nil {
		t.Error("something is left")
	}
	for i := range tree.shards {
		if tree.shards[i].root.below.Load() != nil {
			t.Errorf("shard %d has nodes left", i)
		}
	}
}

// A subscription of its own costs an idle connection little, and goes with it.
func TestSubscriptionMemory(t *testing.T) {
	const n, limit = 20_000, 100
	for _, format := range []string{"dev/%d/cmd", "site/%d/dev/sensor/temp"} {
		filters := make([]string, n)
		for i := range filters {
			filters[i] = fmt.Sprintf(format, i)
		}
		var tree Tree[*int]
		before := heapAlloc()
		for i, f := range filters {
			tree.Subscribe(f, Subscription[*int]{ID: uint64(i)})
		}
		if each := (heapAlloc() - before) / n; each > limit {
			t.Errorf("%q: %d bytes each, want at most %d", format, each, limit)
		} else {
			t.Logf("%q: %d bytes each", format, each)
		}
		for i, f := range filters {
			tree.Unsubscribe(f, uint64(i))
		}
		if left := heapAlloc() - before; left > n {
			t.Errorf("%q: %d bytes are left", format, left)
		}
		checkEmpty(t, &tree)
	}
}

func heapAlloc() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// Ten thousand subscribers of one filter come and go in no time, and so do tables.
func TestManySubscribersOfOneFilter(t *testing.T) {
	const n = 10_000
	var tree Tree[int]
	topic := []byte("a")
	for id := range uint64(n) {
		tree.Subscribe("a", Subscription[int]{ID: id})
	}
	if found := ids(tree.Match(nil, topic)); len(found) != n {
		t.Errorf("found %d", len(found))
	}
	slots := func() int { return len(tree.shard("a").root.child("a").exact.Load().all.slots) }
	full := slots()
	for id := range uint64(n - 100) {
		if !tree.Unsubscribe("a", id) {
			t.Fatalf("%d is lost", id)
		}
	}
	if few := slots(); few > full/20 {
		t.Errorf("%d slots of %d are left", few, full)
	}
	want := make([]uint64, 100)
	for i := range want {
		want[i] = uint64(n - 100 + i)
	}
	if found := ids(tree.Match(nil, topic)); !slices.Equal(slices.Sorted(slices.Values(found)), want) {
		t.Errorf("found %v", found)
	}
}
