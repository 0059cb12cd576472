package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

const everything = "t/#"

// subscriber is a client that receives everything, in one of several ways.
type subscriber struct {
	*world
	name   string
	v      packets.Version
	qos    packets.QoS
	short  bool // a session for each connection
	way    func(*subscriber, context.Context)
	rng    *rand.Rand
	client *client.Client
	ready  chan struct{} // closed when it has subscribed
}

func subscribers(w *world, seed uint64) (all []*subscriber) {
	for i, s := range []subscriber{
		{name: "handler-1", v: packets.V311, qos: packets.AtLeastOnce, way: (*subscriber).handle},
		{name: "handler-2", v: packets.V5, qos: packets.ExactlyOnce, way: (*subscriber).handle},
		{name: "holder", v: packets.V311, qos: packets.ExactlyOnce, way: (*subscriber).hold},
		{name: "choosy", v: packets.V5, qos: packets.ExactlyOnce, way: (*subscriber).choose},
		{name: "receiver", v: packets.V311, qos: packets.ExactlyOnce, way: (*subscriber).receive},
		{name: "fleeting", v: packets.V311, qos: packets.ExactlyOnce, way: (*subscriber).handle, short: true},
		{name: "iterator", v: packets.V5, qos: packets.ExactlyOnce, way: (*subscriber).iterate},
	} {
		s.world, s.rng, s.ready = w, rand.New(rand.NewPCG(seed, uint64(i))), make(chan struct{})
		all = append(all, &s)
	}
	return all
}

// subscribe asks until it is granted.
func (s *subscriber) subscribe(ctx context.Context, h client.Handler) {
	for ctx.Err() == nil {
		switch err := s.client.Subscribe(ctx, everything, s.qos, h); {
		case err == nil:
			close(s.ready)
			return
		case !errors.Is(err, client.ErrUnknown) && !errors.Is(err, client.ErrNotSent):
			s.ledger.fail("%s: Subscribe: %v", s.name, err)
			return
		}
	}
}

// handle takes messages as they come, and now and then its time.
func (s *subscriber) handle(ctx context.Context) {
	s.subscribe(ctx, func(m *client.Message) error {
		if s.rng.IntN(500) == 0 {
			wait(ctx, time.Duration(s.rng.IntN(20))*time.Millisecond)
		}
		s.take(m)
		return nil
	})
}

// hold acknowledges messages later, in any order.
func (s *subscriber) hold(ctx context.Context) {
	held := make(chan *client.Message, 20)
	s.subscribe(ctx, func(m *client.Message) error {
		s.take(m)
		select {
		case held <- m.Hold():
		case <-ctx.Done():
		}
		return nil
	})
	var waiting []*client.Message
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-held:
			waiting = append(waiting, m)
			if len(waiting) < cap(held) {
				continue
			}
		case <-time.After(5 * time.Millisecond):
		}
		for s.rng.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] }); len(waiting) > 0; {
			waiting[0].Ack()
			waiting = waiting[1:]
		}
	}
}

var errChoosy = errors.New("not now")

// choose does not take each message at first.
func (s *subscriber) choose(ctx context.Context) {
	s.subscribe(ctx, func(m *client.Message) error {
		switch s.rng.IntN(3000) {
		case 0:
			return errChoosy
		case 1:
			panic(errChoosy)
		}
		s.take(m)
		return nil
	})
}

func (s *subscriber) receive(ctx context.Context) {
	s.subscribe(ctx, nil)
	for {
		m, err := s.client.Receive(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.ledger.fail("%s: Receive: %v", s.name, err)
			return
		}
		s.take(m)
	}
}

// iterate has subscribed when it hears itself.
func (s *subscriber) iterate(ctx context.Context) {
	heard, stop := context.WithCancel(ctx)
	defer stop()
	probe := fmt.Sprint("probe/", s.name)
	go func() {
		for ; heard.Err() == nil; wait(heard, 10*time.Millisecond) {
			s.client.Publish(heard, client.Message{Topic: probe, QoS: packets.AtLeastOnce})
		}
	}()
	for m, err := range s.client.Messages(ctx, everything, probe) {
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.ledger.fail("%s: Messages: %v", s.name, err)
			return
		case m.Topic != probe:
			s.take(m)
		case heard.Err() == nil:
			stop()
			close(s.ready)
		}
	}
}

// take enters a message into the ledger.
func (s *subscriber) take(m *client.Message) {
	n, intact := numberOf(m, s.v)
	if !intact {
		s.ledger.fail("%s: not as it was sent: %s, %d bytes, number %d", s.name, m.Topic, len(m.Payload), n)
		return
	}
	s.ledger.delivered(s.name, m.Topic, n, m.QoS)
}
