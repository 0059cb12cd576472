package topics

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
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

// BenchmarkMatch is the cost of a match that finds one subscription of many. The
// topic names are any that there are, or few of them, which the cache then has.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{1, 1000, 1_000_000} {
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
			b.Run(name+"/topics=few", func(b *testing.B) { run(b, true, b.Loop) })
			b.Run(name+"/topics=any", func(b *testing.B) { run(b, false, b.Loop) })
			b.Run(name+"/topics=any/parallel", func(b *testing.B) {
				b.RunParallel(func(pb *testing.PB) { run(b, false, pb.Next) })
			})
		}
	}
}

// BenchmarkFanOut is the cost of a match that finds many subscriptions.
func BenchmarkFanOut(b *testing.B) {
	for _, fan := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("subscribers=%d", fan), func(b *testing.B) {
			var tree Tree[*int]
			for i := range fan {
				tree.Subscribe("all", Subscription[*int]{ID: uint64(i)})
			}
			var found []Subscription[*int]
			for b.Loop() {
				found = tree.Match(found[:0], []byte("all"))
			}
		})
	}
}

func BenchmarkSubscribe(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprintf("filters=%d", n), func(b *testing.B) {
			tree := populated(n, false)
			b.ReportAllocs()
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
		for b.Loop() {
			r.Set(topics[i%len(topics)], i, 0, time.Time{})
			i++
		}
	})
	b.Run("op=renew", func(b *testing.B) {
		for b.Loop() {
			r.Remove(topics[i%len(topics)])
			r.Set(topics[i%len(topics)], i, 0, time.Time{})
			i++
		}
	})
	for _, f := range []string{"site/5/dev/555/temp", "site/+/dev/555/temp", "site/5/#"} {
		b.Run("op=match/filter="+strings.ReplaceAll(f, "/", "|"), func(b *testing.B) {
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
