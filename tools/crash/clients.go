package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/fletchmq/fletch/packets"
)

const (
	pairs    = 3 // publishers at QoS 1, and as many at QoS 2
	singles  = 4 // topics of each publisher that one subscriber has for itself
	restless = 2 // subscribers that unsubscribe
	mortals  = 4 // clients with a will
	members  = 3 // of a shared subscription
)

// load is all clients, and what they wait for at the end.
type load struct {
	publishers, subscribers sync.WaitGroup
}

// start starts the clients. They end with ctx.
//
// Topics are t/PUBLISHER/all, which most subscribers have, and t/PUBLISHER/one/N,
// which one of them has beside the one that has all. r/PUBLISHER/N are retained, and
// w/N are wills.
func (d *load) start(ctx context.Context, w *world, seed uint64) {
	n := uint64(0)
	rng := func() *rand.Rand {
		n++
		return rand.New(rand.NewPCG(seed, n))
	}
	for _, s := range subscribers(w) {
		s.rng = rng()
		d.subscribers.Go(func() { s.run(ctx) })
	}
	for _, p := range publishers(w) {
		p.rng = rng()
		d.publishers.Go(func() { p.run(ctx) })
	}
	for i := range mortals {
		m := &mortal{world: w, rng: rng(), client: fmt.Sprint("mortal-", i), topic: fmt.Sprint("w/", i), heir: "heir"}
		d.publishers.Go(func() { m.run(ctx) })
	}
}

func publishers(w *world) (all []*publisher) {
	windows := []int{1, 10, 50}
	for i := range 2 * pairs {
		p := &publisher{
			world: w, client: fmt.Sprint("publisher-", i), v: version(i / 2),
			qos: packets.QoS(1 + i%2), window: windows[i/2%len(windows)],
		}
		p.topics = append(p.topics, "t/"+p.client+"/all")
		for k := range singles {
			p.topics = append(p.topics, fmt.Sprintf("t/%s/one/%d", p.client, k))
		}
		all = append(all, p)
	}
	for i := range 2 {
		p := &publisher{world: w, client: fmt.Sprint("retainer-", i), v: version(i), qos: packets.AtLeastOnce, retain: true, window: 1 + 4*i}
		for k := range 5 {
			p.topics = append(p.topics, fmt.Sprintf("r/%s/%d", p.client, k))
		}
		all = append(all, p)
	}
	return all
}

func subscribers(w *world) (all []*subscriber) {
	add := func(s *subscriber, qos packets.QoS, filters ...string) {
		s.world, s.v = w, version(len(all)/2)
		if s.account == "" {
			s.account = s.client
		}
		for _, text := range filters {
			s.filters = append(s.filters, &filter{text: text, qos: qos})
		}
		all = append(all, s)
	}
	for k := range singles {
		s := &subscriber{client: fmt.Sprint("subscriber-", k)}
		if k >= 2 {
			s.most = 5
		}
		add(s, packets.QoS(1+k%2), "t/+/all", fmt.Sprintf("t/+/one/%d", k))
	}
	add(&subscriber{client: "everything"}, packets.ExactlyOnce, "t/#")
	add(&subscriber{client: "slow", slow: true, most: 8}, packets.ExactlyOnce, "t/+/all")
	for k := range restless {
		add(&subscriber{client: fmt.Sprint("restless-", k), restless: true}, packets.QoS(1+k%2), "t/+/all")
	}
	for k := range members {
		add(&subscriber{client: fmt.Sprint("member-", k), account: together}, packets.ExactlyOnce, "$share/group/t/+/all")
	}
	add(&subscriber{client: "heir"}, packets.AtLeastOnce, "w/+")
	return all
}

// version is that of a client: half of them speak 3.1.1.
func version(i int) packets.Version {
	if i%2 == 0 {
		return packets.V5
	}
	return packets.V311
}
