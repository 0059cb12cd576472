package topics

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/fletchmq/fletch/packets"
)

var plenty = Limits{Messages: 1 << 30, Bytes: 1 << 30}

func (r *Retained[M]) set(topic string, m M) bool { return r.Set(topic, m, 0, time.Time{}) }

// all is what filter matches, taken out n by n.
func (r *Retained[M]) all(filter string, n int) (found []M) {
	for after := ""; ; {
		left := n
		after = r.Match(filter, after, func(m M, _ time.Time) bool {
			found = append(found, m)
			left--
			return left > 0
		})
		if after == "" {
			return found
		}
	}
}

// Names with characters that stand before and behind the slash, and filters.
func oddTopics() []string {
	return slices.DeleteFunc(names("a", "a!", "a0", "", "$x"), func(s string) bool { return !packets.ValidTopicName(s) })
}

func oddFilters() []string {
	return slices.DeleteFunc(names("a", "a!", "a0", "", "$x", "+", "#"), func(s string) bool { return !packets.ValidTopicFilter(s) })
}

// byLevels orders topic names: a slash comes before all other characters.
func byLevels(a, b string) int {
	return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
}

func TestRetainedAgainstOracle(t *testing.T) {
	r := NewRetained[string](plenty)
	topics := oddTopics()
	random := rand.New(rand.NewPCG(1, 1))
	random.Shuffle(len(topics), func(i, j int) { topics[i], topics[j] = topics[j], topics[i] })
	for _, topic := range topics {
		r.set(topic, topic)
	}
	check := func(gone int) {
		t.Helper()
		for i, f := range oddFilters() {
			var want []string
			for _, topic := range topics[gone:] {
				if packets.MatchTopic(f, topic) {
					want = append(want, topic)
				}
			}
			slices.SortFunc(want, byLevels)
			if got := r.all(f, 1+i%3); !slices.Equal(got, want) {
				t.Fatalf("%q: %q, want %q", f, got, want)
			}
			if got := r.MayMatch(f); got != (len(want) > 0) {
				t.Fatalf("%q: MayMatch is %v", f, got)
			}
		}
	}
	check(0)
	for i, topic := range topics {
		if !r.Remove(topic) || r.Remove(topic) {
			t.Fatalf("%q: Remove", topic)
		}
		if i%20 == 0 {
			check(i + 1)
		}
	}
	if r.Len() != 0 || r.bytes != 0 || r.root.children != nil {
		t.Error("something is left")
	}
}

// What is there all the time is found once, whatever comes and goes between the
// calls of Match, and meanwhile.
func TestRetainedConcurrently(t *testing.T) {
	r := NewRetained[string](plenty)
	topics := allTopics()
	for i, topic := range topics {
		if i%3 == 0 {
			r.set(topic, topic)
		}
	}
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 2))
			for range 2000 {
				i := random.IntN(len(topics))
				if i%3 == 0 {
					r.set(topics[i], topics[i])
				} else if i%3 == 1 {
					r.Set(topics[i], topics[i], 0, time.Now().Add(time.Duration(random.IntN(1000))))
				} else if !r.set(topics[i], topics[i]) || random.IntN(2) == 0 {
					r.Remove(topics[i])
				}
			}
		})
	}
	for _, f := range allFilters() {
		seen := map[string]int{}
		for _, topic := range r.all(f, 2) {
			seen[topic]++
		}
		for i, topic := range topics {
			if n := seen[topic]; n > 1 || i%3 == 0 && packets.MatchTopic(f, topic) != (n == 1) {
				t.Errorf("%q: %q came %d times", f, topic, n)
			}
		}
	}
	wg.Wait()
}

func TestRetainedReplaces(t *testing.T) {
	r := NewRetained[string](plenty)
	r.set("a/b", "one")
	r.set("a/b", "two")
	if r.Remove("a") {
		t.Error("removed what never was")
	}
	if got := r.all("#", 9); !slices.Equal(got, []string{"two"}) {
		t.Errorf("%q", got)
	}
	if !r.Remove("a/b") || r.Remove("a/b") {
		t.Error("not removed once")
	}
}

func TestRetainedLimits(t *testing.T) {
	r := NewRetained[string](Limits{Messages: 2, Bytes: 1 << 30})
	if !r.set("a", "1") || !r.set("b", "1") || r.set("c", "1") || !r.set("a", "2") {
		t.Error("not two messages")
	}
	r.Remove("b")
	if got := r.all("#", 9); !r.set("c", "1") || !slices.Equal(got, []string{"2"}) {
		t.Errorf("%q", got)
	}
	r = NewRetained[string](Limits{Messages: 9, Bytes: 2*(overhead+2) + 100})
	set := func(topic string, bytes int) bool { return r.Set(topic, topic, bytes, time.Time{}) }
	if !set("a", 50) || !set("b", 50) || set("b", 51) || set("c", 0) || !set("a", 40) || !set("b", 60) {
		t.Error("not 100 bytes")
	}
}

// What has expired is not found, and goes when other messages come, or at once if
// there is no room.
func TestRetainedExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRetained[string](Limits{Messages: 1001, Bytes: 1 << 30})
		for i := range 1000 {
			r.Set(fmt.Sprintf("x/%d", i), "x", 0, time.Now().Add(time.Duration(i+1)*time.Second))
		}
		r.Set("x/7", "forever", 0, time.Time{})
		time.Sleep(500 * time.Second)
		if n := len(r.all("#", 99)); n != 501 {
			t.Errorf("%d are alive", n)
		}
		for range 32 {
			r.set("y", "y")
		}
		if r.Len() != 502 {
			t.Errorf("%d are left", r.Len())
		}
		time.Sleep(time.Hour)
		for i := range 999 {
			if !r.set(fmt.Sprintf("z/%d", i), "z") {
				t.Fatalf("no room for %d", i)
			}
		}
		if r.set("full", "z") || len(r.all("x/#", 1)) != 1 {
			t.Error("not what lives for ever")
		}
		r = NewRetained[string](Limits{Messages: 1000, Bytes: 200_000})
		for i := range 100 {
			r.Set(fmt.Sprintf("%d", i), "x", 0, time.Now().Add(time.Second))
		}
		time.Sleep(time.Second)
		if !r.Set("large", "x", 190_000, time.Time{}) {
			t.Error("no room beside what has expired")
		}
	})
}

// A Match that finds nothing lets others in, and gets to its end.
func TestRetainedScansInPortions(t *testing.T) {
	r := NewRetained[string](plenty)
	for i := range 3 * portion {
		r.set(fmt.Sprintf("a/%d", i), "x")
	}
	calls := 0
	for after := ""; calls == 0 || after != ""; calls++ {
		after = r.Match("+/+/x", after, func(string, time.Time) bool { t.Error("matches"); return true })
	}
	if calls < 3 || calls > 7 {
		t.Errorf("%d calls", calls)
	}
	// What cannot match is passed over.
	if r.set("b/x", "b"); r.Match("b/x", "", func(string, time.Time) bool { return true }) != "" || r.Match("+/x", "a", func(string, time.Time) bool { return true }) != "" {
		t.Error("looked at too many names")
	}
}

// A level that stays does not keep the topic name of a message that is gone, which may be
// a part of it.
func TestRetainedLetsGo(t *testing.T) {
	r := NewRetained[string](plenty)
	topic := strings.Clone("a/b")
	r.set(topic, "gone")
	r.set("a/b/1", "one")
	r.set("a/b/2", "two")
	r.Remove("a/b")
	if x := r.root.find("a/b"); unsafe.StringData(x.path) == unsafe.StringData(topic) {
		t.Error("the topic name is kept")
	}
	topic = strings.Clone("c")
	r.set(topic, "old")
	r.set("c", "new")
	if x := r.root.find("c"); unsafe.StringData(x.path) == unsafe.StringData(topic) {
		t.Error("the topic name of a message that was replaced is kept")
	}
}
