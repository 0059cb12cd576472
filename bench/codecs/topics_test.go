package codecs

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/fletchmq/fletch/broker/topics"
	mochiserver "github.com/mochi-mqtt/server/v2"
	mochi "github.com/mochi-mqtt/server/v2/packets"
)

// index is a set of subscriptions. match is how many of them a topic name finds.
type index struct {
	name  string
	match func(topic *text) int
}

func fletchIndex(filters []string) index {
	tree := new(topics.Tree[*int])
	for i, f := range filters {
		tree.Subscribe(f, topics.Subscription[*int]{ID: uint64(i)})
	}
	var found []topics.Subscription[*int]
	return index{"fletch", func(topic *text) int {
		found = tree.Match(found[:0], topic.b)
		return len(found)
	}}
}

func mochiIndex(filters []string) index {
	all := mochiserver.NewTopicsIndex()
	for i, f := range filters {
		all.Subscribe(strconv.Itoa(i), mochi.Subscription{Filter: f})
	}
	return index{"mochi", func(topic *text) int { return len(all.Subscribers(topic.s).Subscriptions) }}
}

// population is indexes with the same filters.
type population struct {
	filters int
	kinds   []string // of filters, of which each device has one
	indexes []index
}

var formats = map[string]struct{ filter, topic string }{
	"exact":    {"dev/%d/cmd", "dev/%d/cmd"},
	"wildcard": {"dev/%d/+/state", "dev/%d/lamp/state"},
}

var populations = []population{
	{filters: 1, kinds: []string{"exact"}},
	{filters: 1, kinds: []string{"wildcard"}},
	{filters: 1000, kinds: []string{"exact", "wildcard"}},
	{filters: 1_000_000, kinds: []string{"exact", "wildcard"}},
}

// populate makes the indexes of p. It collects no garbage meanwhile: there is
// little, and much to go through.
func (p population) populate() *population {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var filters []string
	for d := range p.devices() {
		for _, kind := range p.kinds {
			filters = append(filters, fmt.Sprintf(formats[kind].filter, d))
		}
	}
	p.indexes = []index{fletchIndex(filters), mochiIndex(filters)}
	return &p
}

func (p *population) devices() int { return p.filters / len(p.kinds) }

// few is so many devices whose part of an index the cache has.
const few = 500

// of is of which devices topic names are looked up: of few, or of any, if that are
// more.
func (p *population) of() []string {
	if p.devices() > few {
		return []string{"few", "any"}
	}
	return []string{"few"}
}

// names is topic names that find one subscription each, so many of any devices that
// the cache does not have what is on their way.
func (p *population) names(kind, of string) []text {
	n, devices := 200_000, p.devices()
	if of == "few" {
		n, devices = 2*few, min(devices, few)
	}
	random := rand.New(rand.NewPCG(1, 1))
	all := make([]text, n)
	for i := range all {
		all[i] = mustText(fmt.Sprintf(formats[kind].topic, random.IntN(devices)))
	}
	return all
}

func BenchmarkTopics(b *testing.B) {
	for _, p := range populations {
		p := p.populate()
		for _, kind := range p.kinds {
			for _, of := range p.of() {
				names := p.names(kind, of)
				for _, x := range p.indexes {
					b.Run(fmt.Sprintf("filters=%d/kind=%s/topics=%s/impl=%s", p.filters, kind, of, x.name), func(b *testing.B) {
						b.ReportAllocs()
						for i := 0; b.Loop(); i++ {
							if n := x.match(&names[i%len(names)]); n != 1 {
								b.Fatalf("%d subscriptions", n)
							}
						}
					})
				}
			}
		}
	}
}
