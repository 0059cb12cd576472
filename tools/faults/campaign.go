package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

const (
	publishers    = 4
	memoryLimit   = 32 << 20 // bytes that may stay in use when all has come
	progressEvery = time.Minute
)

// campaign is one run within this process: clients, the proxy, and a broker.
type campaign struct {
	*world
	seed        uint64
	publishers  []*publisher
	subscribers []*subscriber
}

// endure runs clients for that time, at the mercy of the proxy, and lets them come to
// an end. An error is a rule that was broken.
func endure(ctx context.Context, w *world, d time.Duration, seed uint64) (err error) {
	ctx, broke := context.WithCancelCause(ctx)
	defer broke(nil)
	w.ledger = newLedger(broke)
	var finish context.CancelFunc
	w.finishing, finish = context.WithCancel(ctx)
	defer finish()
	c := &campaign{world: w, seed: seed}
	err = c.run(ctx, d, finish)
	broke(nil)
	w.proxy.calm()
	return errors.Join(err, c.disconnect())
}

func (c *campaign) run(ctx context.Context, d time.Duration, finish context.CancelFunc) error {
	var others, publishing sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	defer others.Wait()
	defer cancel()
	rng := rand.New(rand.NewPCG(c.seed, 0))
	others.Go(func() { c.refusals(rng) })
	defer c.proxy.calm()
	if err := c.begin(ctx, &others); err != nil {
		return err
	}
	heap, _ := memory()
	for _, p := range c.publishers {
		publishing.Go(func() { p.run(ctx, c.seed) })
	}
	defer publishing.Wait()
	defer cancel()
	if err := c.lasts(ctx, d); err != nil {
		return err
	}
	finish()
	c.proxy.calm()
	if err := c.settle(ctx); err != nil {
		return err
	}
	if err := c.last(ctx); err != nil {
		return err
	}
	if now, _ := memory(); now > heap+memoryLimit {
		return fmt.Errorf("memory: %d bytes were in use before, and are %d when all has come", heap, now)
	}
	return nil
}

// begin connects all clients. Subscribers have subscribed.
func (c *campaign) begin(ctx context.Context, others *sync.WaitGroup) (err error) {
	for i := range publishers {
		p := &publisher{world: c.world, name: fmt.Sprint("publisher-", i), v: packets.V311}
		if i%2 == 0 {
			p.v = packets.V5
		}
		if p.client, err = c.client(p.name, p.v, false); err != nil {
			return err
		}
		c.publishers = append(c.publishers, p)
	}
	for _, s := range subscribers(c.world, c.seed) {
		if s.client, err = c.client(s.name, s.v, s.short); err != nil {
			return err
		}
		c.subscribers = append(c.subscribers, s)
		c.ledger.subscribed(s.name, s.qos, s.short)
		others.Go(func() { s.way(s, ctx) })
	}
	for _, s := range c.subscribers {
		select {
		case <-s.ready:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(patience):
			return fmt.Errorf("%s has not subscribed within %v\n%s", s.name, patience, stacks())
		}
	}
	return nil
}

// lasts waits so long, while there is progress.
func (c *campaign) lasts(ctx context.Context, d time.Duration) error {
	began, reported := time.Now(), time.Now()
	for w := newWatch(c.ledger); time.Since(began) < d; {
		wait(ctx, 100*time.Millisecond)
		if err := w.look(ctx); err != nil {
			return err
		}
		if time.Since(reported) > progressEvery {
			reported = time.Now()
			bytes, goroutines := memory()
			most, name := c.ledger.backlog()
			fmt.Printf("%v: %v, %s lacks %d; %d MiB, %d goroutines\n",
				time.Since(began).Round(time.Second), c.ledger, name, most, bytes>>20, goroutines)
		}
	}
	return nil
}

// settle waits until all has come, and then a little for what must not.
func (c *campaign) settle(ctx context.Context) error {
	const quiet = time.Second
	for w := newWatch(c.ledger); c.ledger.missing() || time.Since(w.since) < quiet; wait(ctx, 50*time.Millisecond) {
		if err := w.look(ctx); err != nil {
			c.ledger.lost()
			return err
		}
	}
	return nil
}

// last publishes one more message of each stream when all subscribers have a connection,
// and so their subscriptions, without faults.
func (c *campaign) last(ctx context.Context) error {
	for _, s := range c.subscribers {
		for w := newWatch(c.ledger); s.client.Ping(ctx) != nil; wait(ctx, 10*time.Millisecond) {
			if err := w.look(ctx); err != nil {
				return fmt.Errorf("%s cannot connect: %w", s.name, err)
			}
		}
	}
	c.ledger.finally()
	for _, p := range c.publishers {
		for _, s := range p.sources {
			n, m := s.message()
			s.ended(ctx, n, p.client.Publish(ctx, m), false)
		}
	}
	return c.settle(ctx)
}

// watch sees whether something happens.
type watch struct {
	ledger *ledger
	count  int
	since  time.Time // count is what it is
}

func newWatch(l *ledger) *watch { return &watch{ledger: l, since: time.Now()} }

// look is an error when the run is over, or nothing has happened for too long.
func (w *watch) look(ctx context.Context) error {
	if n := w.ledger.count(); n != w.count {
		w.count, w.since = n, time.Now()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if time.Since(w.since) > patience {
		return fmt.Errorf("nothing has happened for %v\n%s", patience, stacks())
	}
	return nil
}

// disconnect ends all clients. Nothing of them is left, though there is a broker.
func (c *campaign) disconnect() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	leave := func(name string, cl *client.Client) {
		if e := cl.Disconnect(ctx); e != nil && err == nil {
			err = fmt.Errorf("%s: Disconnect: %w", name, e)
		}
	}
	for _, p := range c.publishers {
		leave(p.name, p.client)
	}
	for _, s := range c.subscribers {
		leave(s.name, s.client)
	}
	if err != nil {
		return err
	}
	for began := time.Now(); strings.Contains(stacks(), "fletch/client."); wait(ctx, 10*time.Millisecond) {
		if time.Since(began) > patience {
			return fmt.Errorf("goroutines are left of clients that have ended\n%s", stacks())
		}
	}
	return nil
}
