//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	ready = "bench/ready" // asks for messages to receive
	end   = "bench/end"   // behind all that was published
)

// task is what a worker is asked for. A worker is a process of this program that has
// one client and does nothing else, so that what it takes is what the client takes.
type task struct {
	Library    string
	Address    string
	Topic      string // of what is measured, and of nothing else
	Row        row
	Warm, Time time.Duration
}

// result is what a worker has measured.
type result struct {
	Messages       int64
	Took           time.Duration
	CPU            time.Duration // user and kernel
	Mallocs, Bytes uint64

	Sent  int64 // before the measurement too
	Tally tally // of what came, receiving
}

// work is all that a worker does. Its result goes to the standard output.
func work(asked string) error {
	var t task
	if err := json.Unmarshal([]byte(asked), &t); err != nil {
		return err
	}
	l, err := named(t.Library)
	if err != nil {
		return err
	}
	c, err := l[0].connect(t.Address)
	if err != nil {
		return err
	}
	defer c.close()
	r, err := t.measure(c)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func (t *task) measure(c client) (result, error) {
	if t.Row.Op == receive {
		return t.receive(c)
	}
	return t.send(c)
}

// send publishes, or requests. The first message that must be acknowledged behind the
// others is part of the measurement: then the broker has all of them.
func (t *task) send(c client) (r result, err error) {
	p := newProducer(c, t.Row, t.Topic)
	stretch := func(d time.Duration) error {
		if err := p.run(d); err != nil {
			return err
		}
		return c.publish(end, 1, nil)
	}
	if err := stretch(t.Warm); err != nil {
		return r, err
	}
	warm, before := p.sent(), take()
	if err := stretch(t.Time); err != nil {
		return r, err
	}
	r.between(before, take())
	r.Sent = p.sent()
	r.Messages = r.Sent - warm
	return r, nil
}

// receive has messages sent to it, until the process ends.
func (t *task) receive(c client) (r result, err error) {
	var got atomic.Int64
	var l ledger
	var over atomic.Bool
	first, last := make(chan struct{}), make(chan tally, 1)
	err = c.subscribe(t.Topic, t.Row.QoS, func(payload []byte) {
		l.note(payload)
		switch {
		case got.Add(1) == 1:
			close(first)
		case over.Load() && over.CompareAndSwap(true, false):
			last <- l.sum()
		}
	})
	if err == nil {
		err = c.publish(ready, 0, nil)
	}
	if err != nil {
		return r, err
	}
	select {
	case <-first:
	case <-time.After(patience):
		return r, errors.New("nothing comes")
	}
	time.Sleep(t.Warm)
	before, count := take(), got.Load()
	time.Sleep(t.Time)
	r.Messages = got.Load() - count
	r.between(before, take())
	over.Store(true)
	select {
	case r.Tally = <-last:
		return r, nil
	case <-time.After(patience):
		return r, fmt.Errorf("nothing came any more after %d messages", got.Load())
	}
}

// snapshot is what this process has taken so far.
type snapshot struct {
	at    time.Time
	cpu   time.Duration
	stats runtime.MemStats
}

func take() (s snapshot) {
	runtime.ReadMemStats(&s.stats)
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		s.cpu = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	s.at = time.Now()
	return s
}

func (r *result) between(a, b snapshot) {
	r.Took, r.CPU = b.at.Sub(a.at), b.cpu-a.cpu
	r.Mallocs, r.Bytes = b.stats.Mallocs-a.stats.Mallocs, b.stats.TotalAlloc-a.stats.TotalAlloc
}
