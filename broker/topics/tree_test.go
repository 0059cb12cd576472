package topics

import (
	"slices"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/packets"
)

// names is all topic names or filters of one to three levels out of these.
func names(levels ...string) []string {
	var all []string
	for _, a := range levels {
		all = append(all, a)
		for _, b := range levels {
			all = append(all, a+"/"+b)
			for _, c := range levels {
				all = append(all, a+"/"+b+"/"+c)
			}
		}
	}
	return all
}

func allTopics() []string {
	return slices.DeleteFunc(names("a", "b", "", "$x"), func(s string) bool { return !packets.ValidTopicName(s) })
}

func allFilters() []string {
	return slices.DeleteFunc(names("a", "b", "", "$x", "+", "#"), func(s string) bool { return !packets.ValidTopicFilter(s) })
}

func ids[S any](found []Subscription[S]) []uint64 {
	var all []uint64
	for _, s := range found {
		all = append(all, s.ID)
	}
	return all
}

func TestTreeAgainstOracle(t *testing.T) {
	var tree Tree[string]
	filters := allFilters()
	for i, f := range filters {
		if tree.Subscribe(f, Subscription[string]{ID: uint64(i), Subscriber: f}) {
			t.Fatalf("%q was there", f)
		}
	}
	check := func(gone int) {
		t.Helper()
		for _, topic := range allTopics() {
			var want []uint64
			for i, f := range filters[gone:] {
				if packets.MatchTopic(f, topic) {
					want = append(want, uint64(gone+i))
				}
			}
			got := ids(tree.Match(nil, []byte(topic)))
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("%q without the first %d: %v, want %v", topic, gone, got, want)
			}
		}
	}
	check(0)
	for i, f := range filters {
		if tree.Unsubscribe(f, uint64(i+1)) || !tree.Unsubscribe(f, uint64(i)) || tree.Unsubscribe(f, uint64(i)) {
			t.Fatalf("%q: Unsubscribe", f)
		}
		if i%50 == 0 {
			check(i + 1)
		}
	}
	checkEmpty(t, &tree)
}

func TestTreeReplaces(t *testing.T) { // [MQTT-3.8.4-3]
	var tree Tree[string]
	tree.Subscribe("a/+", Subscription[string]{ID: 7})
	if !tree.Subscribe("a/+", Subscription[string]{ID: 7, Options: Options{QoS: 2}}) {
		t.Error("not replaced")
	}
	found := tree.Match(nil, []byte("a/b"))
	if len(found) != 1 || found[0].QoS != 2 {
		t.Errorf("found %v", found)
	}
	for id := range uint64(100) {
		tree.Subscribe("a/+", Subscription[string]{ID: id})
	}
	if !tree.Subscribe("a/+", Subscription[string]{ID: 7, Options: Options{QoS: 1}}) || tree.Len() != 100 {
		t.Error("not replaced among others")
	}
}

// What one subscriber has stands side by side, however it is found, and behind
// what the caller had.
func TestTreeGroups(t *testing.T) {
	var tree Tree[string]
	for _, f := range []string{"#", "a/#", "+/b", "a/b", "a/+"} {
		for id := range uint64(5) {
			tree.Subscribe(f, Subscription[string]{ID: id})
		}
	}
	found := ids(tree.Match([]Subscription[string]{{ID: 99}}, []byte("a/b")))
	want := []uint64{99}
	for id := range uint64(5) {
		want = append(want, id, id, id, id, id)
	}
	if !slices.Equal(found, want) {
		t.Errorf("found %v", found)
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	var tree Tree[int]
	for i, f := range []string{"#", "a/#", "+/b/+", "a/b/c", "$x/#"} {
		for id := range 20 {
			tree.Subscribe(f, Subscription[int]{ID: uint64(id + i), Options: Options{Identifiers: []uint32{7}}})
		}
	}
	topic := []byte("a/b/c")
	dst := tree.Match(nil, topic)
	if n := testing.AllocsPerRun(100, func() { dst = tree.Match(dst[:0], topic) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(dst) != 80 {
		t.Errorf("found %d", len(dst))
	}
}

// A filter costs about its length, however many levels that is, and still does
// when others have parted from it at each of them and gone.
func TestDeepFiltersAreOneNode(t *testing.T) {
	var tree Tree[int]
	deep := "a" + strings.Repeat("/b/+", 100)
	tree.Subscribe(deep, Subscription[int]{ID: 1})
	for i := range 200 {
		tree.Subscribe(deep[:2*i]+"x", Subscription[int]{ID: 2})
	}
	for i := range 200 {
		tree.Unsubscribe(deep[:2*i]+"x", 2)
	}
	root := &tree.shard(deep).root
	if n := nodes(root); n != 2 {
		t.Errorf("%d nodes", n)
	}
	if got := tree.Match(nil, []byte("a"+strings.Repeat("/b/c", 100))); len(got) != 1 {
		t.Errorf("found %v", got)
	}
}

func nodes[S any](n *node[S]) int {
	all := 1
	b := n.below.Load()
	if b == nil {
		return all
	}
	if c := b.plus.Load(); c != nil {
		all += nodes(c)
	}
	if t := b.children.Load(); t != nil {
		for i := range t.slots {
			if c := t.slots[i].item.Load(); c != nil {
				all += nodes(c)
			}
		}
	}
	return all
}
