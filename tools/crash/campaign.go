package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// campaign is one run: the broker, its clients, and when it is killed.
type campaign struct {
	*world
	target  target
	rounds  rounds
	rng     *rand.Rand
	out     io.Writer
	upAfter []time.Duration // of each life
	moments map[string]int  // how many kills of each kind
}

// run kills the broker so many times, and then lets the clients come to an end. An
// error is a rule that was broken, or that the broker does not run.
func (c *campaign) run(ctx context.Context, kills int, seed uint64) error {
	clients, end := context.WithCancel(ctx)
	var load load
	load.start(clients, c.world, seed)
	defer func() {
		end()
		load.publishers.Wait()
		load.subscribers.Wait()
	}()
	for n := range kills {
		if err := c.killOnce(ctx); err != nil {
			return err
		}
		if every := max(kills/10, 10); n%every == every-1 {
			fmt.Fprintf(c.out, "%d kills, %s\n", n+1, c.progress())
		}
	}
	if err := c.startUp(ctx); err != nil {
		return err
	}
	c.goUp()
	return c.finish(ctx, &load)
}

func (c *campaign) startUp(ctx context.Context) error {
	if err := c.target.start(); err != nil {
		return err
	}
	took, err := c.target.up(ctx)
	if err != nil {
		return err
	}
	c.upAfter = append(c.upAfter, took)
	return nil
}

// killOnce starts the broker and kills it, at a moment of one of four kinds, or asks it
// to end.
func (c *campaign) killOnce(ctx context.Context) error {
	kind := c.rng.IntN(11)
	if kind == 0 && len(c.upAfter) > 0 {
		c.moments["while it starts"]++
		if err := c.target.start(); err != nil {
			return err
		}
		err := c.lives(ctx, time.Duration(c.rng.Int64N(int64(2*c.upAfter[len(c.upAfter)-1]))), 0)
		c.target.kill()
		return err
	}
	if err := c.startUp(ctx); err != nil {
		return err
	}
	c.goUp()
	var err error
	switch {
	case kind <= 2:
		c.moments["as clients come back"]++
		err = c.lives(ctx, time.Duration(c.rng.IntN(30))*time.Millisecond, 0)
	case kind <= 5:
		c.moments["after a time"]++
		err = c.lives(ctx, c.aWhile(), 0)
	case kind == 6:
		c.moments["asked to end"]++
		if err := c.lives(ctx, c.aWhile(), 0); err != nil {
			return err
		}
		c.goDown()
		return c.target.end()
	default:
		c.moments["after a number of messages"]++
		err = c.lives(ctx, 2*c.rounds.longest, 1+c.rng.IntN(c.rounds.messages))
	}
	c.kill()
	return err
}

// goUp lets the clients come.
func (c *campaign) goUp() {
	c.ledger.up()
	c.gate.goUp()
}

// goDown is before the broker ends: from then on clients may lose it.
func (c *campaign) goDown() {
	c.gate.goDown()
	c.ledger.killed()
}

func (c *campaign) kill() {
	c.goDown()
	c.target.kill()
}

func (c *campaign) aWhile() time.Duration {
	return time.Duration(c.rng.Int64N(int64(c.rounds.longest)))
}

// lives waits so long, or until so many messages have been acknowledged.
func (c *campaign) lives(ctx context.Context, d time.Duration, messages int) error {
	before, _, _ := c.ledger.counts()
	end := time.After(d)
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.target.ended():
			return c.target.endedByItself()
		case <-end:
			return nil
		case <-time.After(time.Millisecond):
		}
		if taken, _, _ := c.ledger.counts(); messages > 0 && taken-before >= messages {
			return nil
		}
	}
}

// finish waits until publishers are done and all that has to come has come. What has
// not, when nothing comes for a while, is lost. Then the broker is killed once more,
// and nothing must come.
func (c *campaign) finish(ctx context.Context, load *load) error {
	close(c.finishing)
	done := make(chan struct{})
	go func() {
		load.publishers.Wait()
		close(c.retired)
		close(done)
	}()
	const quiet = time.Second // for what comes though it should not
	last, since, again := 0, time.Now(), false
	for {
		_, arrived, _ := c.ledger.counts()
		if arrived != last {
			last, since = arrived, time.Now()
		}
		waited := time.Since(since)
		switch {
		case waited > patience:
			c.ledger.lost("")
		case finished(done) && waited > quiet && !c.ledger.missing(""):
			if again {
				return nil
			}
			if err := c.restart(ctx); err != nil {
				return err
			}
			again, since = true, time.Now()
		}
		if err := c.lives(ctx, 50*time.Millisecond, 0); err != nil {
			return err
		}
	}
}

// restart kills the broker when nothing is under way: which messages are retained is
// then certain.
func (c *campaign) restart(ctx context.Context) error {
	c.kill()
	if err := c.startUp(ctx); err != nil {
		return err
	}
	c.goUp()
	for _, p := range publishers(c.world) {
		if p.retain {
			if err := c.checkRetained(ctx, p.client, p.topics); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *campaign) progress() string {
	taken, arrived, repeated := c.ledger.counts()
	return fmt.Sprintf("%d messages acknowledged, %d delivered, %d of them again at QoS 1", taken, arrived, repeated)
}

// summary is what was done, for people.
func (c *campaign) summary() string {
	s := c.progress() + "\nkilled"
	for _, kind := range slices.Sorted(maps.Keys(c.moments)) {
		s += fmt.Sprintf(", %s %d", kind, c.moments[kind])
	}
	if n := len(c.upAfter); n > 0 {
		slices.Sort(c.upAfter)
		s += fmt.Sprintf("\nfrom its start to the first CONNACK: median %v, at most %v\n",
			c.upAfter[n/2].Round(time.Millisecond), c.upAfter[n-1].Round(time.Millisecond))
	}
	return s
}
