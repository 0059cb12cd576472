package topics

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fletchmq/fletch/bench/cputime"
)

// device is the two filters of a device, and topic names that match one of them.
type device int

func (d device) filters() [2]string {
	return [2]string{fmt.Sprintf("dev/%d/cmd", d), fmt.Sprintf("dev/%d/+/state", d)}
}

func (d device) appendTopic(b []byte, wildcard bool) []byte {
	b = strconv.AppendInt(append(b, "dev/"...), int64(d), 10)
	if wildcard {
		return append(b, "/lamp/state"...)
	}
	return append(b, "/cmd"...)
}

// populated is a Tree of n filters, half of them with wildcards. If n is 1, that
// has one if wildcard is true.
func populated(n int, wildcard bool) *Tree[*int] {
	tree := new(Tree[*int])
	for i := range max(1, n/2) {
		for k, f := range device(i).filters() {
			if n > 1 || (k == 1) == wildcard {
				tree.Subscribe(f, Subscription[*int]{ID: uint64(i)})
			}
		}
	}
	return tree
}

// sizes are numbers of filters. A tree of the last takes seconds to build, and what
// is in memory around it decides how long a match takes.
func sizes() []int {
	if testing.Short() {
		return []int{1, 1000}
	}
	return []int{1, 1000, 1_000_000}
}

// BenchmarkMatch is the cost of a match that finds one subscription of many. The
// topic names are any that there are, or few of them, which the cache then has.
func BenchmarkMatch(b *testing.B) {
	for _, n := range sizes() {
		for _, kind := range []string{"exact", "wildcard"} {
			wildcard := kind == "wildcard"
			tree := populated(n, wildcard)
			run := func(b *testing.B, few bool, next func() bool) {
				devices := max(1, n/2)
				if few {
					devices = min(devices, 500)
				}
				var topic []byte
				var found []Subscription[*int]
				random := rand.New(rand.NewPCG(1, 1))
				for next() {
					topic = device(random.IntN(devices)).appendTopic(topic[:0], wildcard)
					found = tree.Match(found[:0], topic)
				}
				if topic != nil && len(found) != 1 {
					b.Errorf("found %v", found)
				}
			}
			name := fmt.Sprintf("filters=%d/kind=%s", n, kind)
			b.Run(name+"/topics=few", func(b *testing.B) {
				cputime.Report(b)
				run(b, true, b.Loop)
			})
			b.Run(name+"/topics=any", func(b *testing.B) {
				cputime.Report(b)
				run(b, false, b.Loop)
			})
			if testing.Short() {
				continue
			}
			b.Run(name+"/topics=any/by=all", func(b *testing.B) {
				cputime.Report(b)
				b.RunParallel(func(pb *testing.PB) { run(b, false, pb.Next) })
			})
		}
	}
}

// BenchmarkMatchWild is a match among filters like a/+/c/#, of which it finds 0.43
// on average.
func BenchmarkMatchWild(b *testing.B) {
	const filters, words = 10_000, 152 // filters/words² match
	b.Run(fmt.Sprintf("filters=%d", filters), func(b *testing.B) {
		var tree Tree[*int]
		random := rand.New(rand.NewPCG(1, 1))
		for i := range filters {
			f := fmt.Sprintf("%d/+/%d/#", random.IntN(words), random.IntN(words))
			tree.Subscribe(f, Subscription[*int]{ID: uint64(i % 1000)})
		}
		var topics [1000][]byte
		for i := range topics {
			topics[i] = fmt.Appendf(nil, "%d/b/%d/d", random.IntN(words), random.IntN(words))
		}
		var found []Subscription[*int]
		cputime.Report(b)
		for i := 0; b.Loop(); i++ {
			found = tree.Match(found[:0], topics[i%len(topics)])
		}
	})
}

// BenchmarkFanOut is the cost of a match that finds many subscriptions.
func BenchmarkFanOut(b *testing.B) {
	for _, fan := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("subscribers=%d", fan), func(b *testing.B) {
			var tree Tree[*int]
			for i := range fan {
				tree.Subscribe("all", Subscription[*int]{ID: uint64(i)})
			}
			found := make([]Subscription[*int], 0, fan)
			cputime.Report(b)
			for b.Loop() {
				found = tree.Match(found[:0], []byte("all"))
			}
		})
	}
}

func BenchmarkSubscribe(b *testing.B) {
	for _, n := range sizes()[1:] {
		b.Run(fmt.Sprintf("filters=%d", n), func(b *testing.B) {
			tree := populated(n, false)
			cputime.Report(b)
			for b.Loop() {
				tree.Subscribe("dev/new/cmd", Subscription[*int]{ID: 1})
				tree.Unsubscribe("dev/new/cmd", 1)
			}
		})
	}
}

func BenchmarkRetained(b *testing.B) {
	r := NewRetained[int](plenty)
	var topics []string
	for i := range 10_000 {
		topics = append(topics, fmt.Sprintf("site/%d/dev/%d/temp", i/100, i))
		r.Set(topics[i], i, 0, time.Time{})
	}
	i := 0
	b.Run("op=replace", func(b *testing.B) {
		cputime.Report(b)
		for b.Loop() {
			r.Set(topics[i%len(topics)], i, 0, time.Time{})
			i++
		}
	})
	b.Run("op=renew", func(b *testing.B) {
		cputime.Report(b)
		for b.Loop() {
			r.Remove(topics[i%len(topics)])
			r.Set(topics[i%len(topics)], i, 0, time.Time{})
			i++
		}
	})
	for _, f := range []string{"site/5/dev/555/temp", "site/+/dev/555/temp", "site/5/#"} {
		b.Run("op=match/filter="+strings.ReplaceAll(f, "/", "|"), func(b *testing.B) {
			cputime.Report(b)
			for b.Loop() {
				for after := ""; ; {
					if after = r.Match(f, after, func(int, time.Time) bool { return true }); after == "" {
						break
					}
				}
			}
		})
	}
}
