//go:build linux

package main

import (
	"bytes"
	"errors"
	"sync/atomic"
	"time"
)

// producer publishes or requests as a row asks for.
type producer struct {
	row
	c       client
	topic   string
	sources []source // one for each goroutine
	buffers [][]byte // one for each message under way
	stop    atomic.Bool
}

func newProducer(c client, r row, topic string) *producer {
	p := &producer{row: r, c: c, topic: topic}
	n := r.goroutines()
	p.buffers = make([][]byte, n)
	for i := range p.buffers {
		p.buffers[i] = make([]byte, r.Size)
	}
	if p.handles() {
		n = 1
	}
	for i := range n {
		p.sources = append(p.sources, source{publisher: uint32(i)})
	}
	return p
}

// handles reports whether one goroutine publishes without waiting.
func (p *producer) handles() bool {
	_, ok := p.c.(starter)
	return ok && p.By == byAsync
}

// run goes on for d, and until the last message has its outcome.
func (p *producer) run(d time.Duration) error {
	p.stop.Store(false)
	defer time.AfterFunc(d, func() { p.stop.Store(true) }).Stop()
	if p.handles() {
		return p.start(p.c.(starter))
	}
	outcome := make(chan error)
	for i := range p.sources {
		go func() { outcome <- p.one(&p.sources[i], p.buffers[i]) }()
	}
	var err error
	for range p.sources {
		err = errors.Join(err, <-outcome)
	}
	return err
}

// one is a goroutine that waits for each.
func (p *producer) one(s *source, b []byte) error {
	for {
		if err := p.send(s.fill(b)); err != nil || p.stop.Load() {
			return err
		}
	}
}

func (p *producer) send(b []byte) error {
	if p.Op == publish {
		return p.c.publish(p.topic, p.QoS, b)
	}
	reply, err := p.c.request(b)
	if err == nil && !bytes.Equal(reply, b) {
		err = errors.New("another reply")
	}
	return err
}

// start publishes, and waits for the handle of the oldest when the window is full.
func (p *producer) start(c starter) error {
	s := &p.sources[0]
	first := s.sent
	for s.sent == first || !p.stop.Load() {
		slot := int(s.sent % window)
		if s.sent-first >= window {
			if err := c.wait(slot); err != nil {
				return err
			}
		}
		if err := c.start(slot, p.topic, p.QoS, s.fill(p.buffers[slot])); err != nil {
			return err
		}
	}
	for i := s.sent - min(s.sent-first, window); i < s.sent; i++ {
		if err := c.wait(int(i % window)); err != nil {
			return err
		}
	}
	return nil
}

func (p *producer) sent() (n int64) {
	for _, s := range p.sources {
		n += int64(s.sent)
	}
	return n
}
