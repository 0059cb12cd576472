package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/fletchmq/fletch/packets"
)

// numbered is the topics of retained messages, one for each: the route of its number.
type numbered struct{}

const numberedPrefix, numberedDigits = "bench/retained/", 8

func numberedTopic(n int) string { return fmt.Sprintf("%s%0*d", numberedPrefix, numberedDigits, n) }

func (numbered) topic() []byte { return []byte(numberedTopic(0)) }

func (numbered) put(topic []byte, n uint64) (sequence uint32, receivers int64) {
	putDigits(topic[len(numberedPrefix):], n)
	return uint32(n), 0
}

func (numbered) sent(int) uint64 { return 0 }

// putDigits writes n with leading zeros all over b.
func putDigits(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = '0' + byte(n%10)
		n /= 10
	}
}

// retained stores messages, has them delivered, and clears them. When ctx ends they stay.
func retained(ctx context.Context, c *Config) (*Result, error) {
	res, number := newResult(c), rand.Uint32()
	err := c.store(ctx, number, res)
	if err == nil {
		err = c.replay(ctx, number, res)
	}
	if ctx.Err() != nil {
		return nil, err
	}
	return res, errors.Join(err, c.clear(ctx))
}

// store publishes all messages, and returns when the broker has them.
func (c *Config) store(ctx context.Context, number uint32, res *Result) error {
	w, err := dial(ctx, c, client{id: "bench-source-0", room: 4 << 10})
	if err != nil {
		return err
	}
	defer w.Close()
	before, err := c.settled(ctx)
	if err != nil {
		return err
	}
	s := newSource(w, number, packets.Publish{Retain: true, Topic: numbered{}.topic()}, c, 0)
	s.route = numbered{}
	begin := c.now()
	if err := s.publishAll(ctx, c); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	took := c.now() - begin
	done, err := c.usage()
	if err != nil {
		return err
	}
	after, err := c.settled(ctx)
	if err != nil {
		return err
	}
	n := uint64(c.Count)
	res.rate(StoresPerSecond, n, took)
	res.cost(CPUPerStore, done.cpu-before.cpu, n)
	res.grown(ResidentPerTopic, before, after, c.Count)
	return nil
}

// publishAll publishes Count messages. The broker handles packets in order, and answers
// PINGREQ when it has all of them, whatever the QoS.
func (s *source) publishAll(ctx context.Context, c *Config) error {
	defer c.tell("store", &s.gate.sent)()
	ctx, cancel := context.WithCancelCause(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close() })()
	defer cancel(nil)
	reading.Go(func() { cancel(s.acknowledge()) })
	for left := c.Count; left > 0; {
		n := min(left, c.Batch)
		if !s.gate.await(func() bool { return s.room(n) }, ctx.Done()) {
			return context.Cause(ctx)
		}
		if err := s.publish(n, c.now()); err != nil {
			return err
		}
		left -= n
	}
	all := func() bool { return s.qos == 0 || s.gate.acked.Load() == s.gate.sent.Load() }
	if !s.gate.await(all, ctx.Done()) {
		return context.Cause(ctx)
	}
	var p packets.Pingreq
	if _, err := s.Write(p.AppendTo(nil, s.version)); err != nil {
		return ended(err)
	}
	select {
	case <-s.pong:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
