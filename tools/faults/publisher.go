package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

const (
	backlogLimit = 2000 // messages that may have to come to a receiver before publishers wait for it
	window       = 50   // publications of PublishAsync that are open at most
)

// publisher is a client that publishes in several ways at a time.
type publisher struct {
	*world
	name   string
	v      packets.Version
	client *client.Client

	sources []*source // used by run until it returns
}

// source is a stream of a publisher.
type source struct {
	*publisher
	rng   *rand.Rand // under order, where there are several goroutines
	topic string
	qos   packets.QoS
	order sync.Mutex // messages are published in the order of their numbers
}

// run publishes until it is time to finish, and returns when all has come to its end.
func (p *publisher) run(ctx context.Context, seed uint64) {
	var all sync.WaitGroup
	for _, qos := range []packets.QoS{packets.AtLeastOnce, packets.ExactlyOnce} {
		ways := map[string]func(*source, context.Context){
			"one": (*source).publish, "two": (*source).publish, "window": (*source).publishAsync, "impatient": (*source).publishInTime,
		}
		for way, run := range ways {
			s := &source{publisher: p, topic: fmt.Sprintf("t/%s/%d/%s", p.name, qos, way), qos: qos}
			s.rng = rand.New(rand.NewPCG(seed, uint64(checksum(s.topic, make([]byte, payloadHead)))))
			p.sources = append(p.sources, s)
			all.Go(func() { run(s, ctx) })
		}
	}
	all.Wait()
}

// publish publishes one message after the other.
func (s *source) publish(ctx context.Context) {
	for s.mayPublish(ctx) {
		n, m := s.message()
		s.ended(ctx, n, s.client.Publish(ctx, m), false)
	}
}

// publishInTime does not wait for long.
func (s *source) publishInTime(ctx context.Context) {
	for s.mayPublish(ctx) {
		n, m := s.message()
		short, cancel := context.WithTimeout(ctx, time.Duration(s.rng.IntN(300))*time.Millisecond)
		s.ended(ctx, n, s.client.Publish(short, m), true)
		cancel()
	}
}

// publishAsync has a window of messages under way, from two goroutines.
func (s *source) publishAsync(ctx context.Context) {
	var all sync.WaitGroup
	room := make(chan struct{}, window)
	for range 2 {
		all.Go(func() {
			for s.mayPublish(ctx) {
				room <- struct{}{}
				s.order.Lock()
				n, m := s.message()
				d, err := s.client.PublishAsync(ctx, m)
				s.order.Unlock()
				all.Go(func() {
					if err == nil {
						err = s.await(ctx, d)
					}
					s.ended(ctx, n, err, false)
					<-room
				})
			}
		})
	}
	all.Wait()
}

// await is for the end of d, whichever way it is asked for.
func (s *source) await(ctx context.Context, d *client.Delivery) error {
	err := d.Wait(ctx)
	if ctx.Err() != nil {
		return err
	}
	select {
	case <-d.Done():
	default:
		s.ledger.fail("%s: Wait has returned, and Done is not closed", s.topic)
	}
	if again := d.Err(); again != err {
		s.ledger.fail("%s: Wait has said %v, and Err says %v", s.topic, err, again)
	}
	return err
}

// mayPublish waits until there is something to publish, which is false at the end.
func (s *source) mayPublish(ctx context.Context) bool {
	for {
		s.order.Lock()
		pause := time.Duration(s.rng.IntN(40)) * time.Millisecond
		if s.rng.IntN(2) == 0 {
			pause = 0
		}
		s.order.Unlock()
		wait(ctx, pause)
		if ctx.Err() != nil || s.finishing.Err() != nil {
			return false
		}
		if most, _ := s.ledger.backlog(); most < backlogLimit {
			return true
		}
	}
}

// message is the next one.
func (s *source) message() (number int, m client.Message) {
	number = s.ledger.publishing(s.topic, s.qos)
	return number, compose(s.topic, s.qos, s.v, number, size(s.rng))
}

// ended is the end of a publication, unless it is that of the run.
func (s *source) ended(ctx context.Context, number int, err error, mayFail bool) {
	if ctx.Err() == nil {
		s.ledger.published(s.topic, number, err, mayFail)
	}
}
