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

	"github.com/fletchmq/fletch/packets"
)

var plenty = Limits{Messages: 1 << 30, Bytes: 1 << 30}

func (r *Retained[M]) set(topic string, m M) bool { return r.Set([]byte(topic), m, 0, time.Time{}) }

// all is what filter matches, taken out n by n.
func (r *Retained[M]) all(filter string, n int) (found []M) {
	for after := ""; ; {
		left := n
		after = r.Match(filter, after, func(m M) bool {
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
	r := NewRetained(plenty, func(string) {})
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
		}
	}
	check(0)
	for i, topic := range topics {
		if !r.Remove([]byte(topic)) || r.Remove([]byte(topic)) {
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
	r := NewRetained(plenty, func(string) {})
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
					r.Set([]byte(topics[i]), topics[i], 0, time.Now().Add(time.Duration(random.IntN(1000))))
				} else if !r.set(topics[i], topics[i]) || random.IntN(2) == 0 {
					r.Remove([]byte(topics[i]))
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

func TestRetainedReleases(t *testing.T) {
	var released []string
	r := NewRetained(plenty, func(m string) { released = append(released, m) })
	r.set("a/b", "one")
	r.set("a/b", "two")
	if r.Remove([]byte("a")) {
		t.Error("removed what never was")
	}
	r.Remove([]byte("a/b"))
	if !slices.Equal(released, []string{"one", "two"}) {
		t.Errorf("released %q", released)
	}
}

func TestRetainedLimits(t *testing.T) {
	r := NewRetained(Limits{Messages: 2, Bytes: 1 << 30}, func(string) {})
	if !r.set("a", "1") || !r.set("b", "1") || r.set("c", "1") || !r.set("a", "2") {
		t.Error("not two messages")
	}
	r.Remove([]byte("b"))
	if got := r.all("#", 9); !r.set("c", "1") || !slices.Equal(got, []string{"2"}) {
		t.Errorf("%q", got)
	}
	r = NewRetained(Limits{Messages: 9, Bytes: 2*(overhead+2) + 100}, func(string) {})
	set := func(topic string, bytes int) bool { return r.Set([]byte(topic), topic, bytes, time.Time{}) }
	if !set("a", 50) || !set("b", 50) || set("b", 51) || set("c", 0) || !set("a", 40) || !set("b", 60) {
		t.Error("not 100 bytes")
	}
}

// What has expired is not found, and goes when other messages come, or at once if
// there is no room.
func TestRetainedExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRetained(Limits{Messages: 1001, Bytes: 1 << 30}, func(string) {})
		for i := range 1000 {
			r.Set(fmt.Appendf(nil, "x/%d", i), "x", 0, time.Now().Add(time.Duration(i+1)*time.Second))
		}
		r.Set([]byte("x/7"), "forever", 0, time.Time{})
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
		r = NewRetained(Limits{Messages: 1000, Bytes: 200_000}, func(string) {})
		for i := range 100 {
			r.Set(fmt.Appendf(nil, "%d", i), "x", 0, time.Now().Add(time.Second))
		}
		time.Sleep(time.Second)
		if !r.Set([]byte("large"), "x", 190_000, time.Time{}) {
			t.Error("no room beside what has expired")
		}
	})
}

// A Match that finds nothing lets others in, and gets to its end.
func TestRetainedScansInPortions(t *testing.T) {
	r := NewRetained(plenty, func(string) {})
	for i := range 3 * portion {
		r.set(fmt.Sprintf("a/%d", i), "x")
	}
	calls := 0
	for after := ""; calls == 0 || after != ""; calls++ {
		after = r.Match("+/+/x", after, func(string) bool { t.Error("matches"); return true })
	}
	if calls < 3 || calls > 7 {
		t.Errorf("%d calls", calls)
	}
	// What cannot match is passed over.
	if r.set("b/x", "b"); r.Match("b/x", "", func(string) bool { return true }) != "" || r.Match("+/x", "a", func(string) bool { return true }) != "" {
		t.Error("looked at too many names")
	}
}

func TestRetainedHas(t *testing.T) {
	r := NewRetained(plenty, func(int) {})
	r.set("a/b", 1)
	r.set("$SYS/x", 1)
	for filter, want := range map[string]bool{"a/b": true, "a/#": true, "+/b": true, "#": true, "a": false, "b/#": false, "$SYS/#": true, "+": false} {
		if got := r.Has(filter); got != want {
			t.Errorf("%s: %v", filter, got)
		}
	}
}
