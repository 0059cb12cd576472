//go:build linux

package main

import (
	"errors"
	"fmt"
	"time"
)

const (
	mega           = 1e6
	receiveMaximum = 10 // of a session that comes back to many messages
)

// queues measures messages that wait for sessions: the memory that the broker
// takes, and how they are received.
func (b *bench) queues() error {
	for _, name := range []string{"memory", "written"} {
		one, ok := b.called(name)
		if !ok {
			continue
		}
		p, err := b.start(one)
		if err != nil {
			return err
		}
		err = b.queue(p, name)
		p.end()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (b *bench) queue(p *process, name string) error {
	topics := max(1, b.absent/clients)
	absent := topics * clients
	per := b.queued / absent
	if err := sessions(p.address, absent); err != nil {
		return err
	}
	var t traffic
	defer t.close()
	if err := t.open(p.address, topics, b.window); err != nil {
		return err
	}
	p.settle()
	before, err := p.memory("VmRSS")
	if err != nil {
		return err
	}
	cpu, begin := p.cpu(), time.Now()
	n, err := t.publish(per*absent, patience)
	if err != nil {
		return err
	}
	rate := float64(n) / time.Since(begin).Seconds()
	loaded, err := p.memory("VmRSS")
	peak, failed := p.memory("VmHWM")
	p.settle()
	settled, other := p.memory("VmRSS")
	if err := errors.Join(err, failed, other); err != nil {
		return err
	}
	b.report.result("load=queue/broker="+name, n,
		value{rate, "msg/s"},
		value{float64(p.cpu()-cpu) / float64(n), "cpu-ns/msg"},
		value{float64(before), "empty-B"},
		value{float64(loaded - before), "loaded-B"},
		value{float64(peak - before), "peak-B"},
		value{float64(settled - before), "settled-B"})
	if name == "written" {
		b.report.sample(bar{what: "queued: MB of memory for the messages, loaded", limit: 100}, float64(loaded-before)/mega)
	}
	return b.drain(p, name, absent, per, before)
}

// drain has all sessions come back at once. Its memory is beside what the broker
// had before there were messages.
func (b *bench) drain(p *process, name string, absent, per, before int) error {
	if err := p.forgetPeak(); err != nil {
		return err
	}
	var t traffic
	cpu, begin := p.cpu(), time.Now()
	err := each(absent, func(i int) error {
		hello := lasting(fmt.Sprint("session-", i))
		hello.Props.SetReceiveMaximum(receiveMaximum)
		c, err := dial(p.address, hello)
		if err != nil {
			return err
		}
		defer c.Close()
		s := &subscriber{client: c, most: receiveMaximum, got: &t.got}
		if err := s.receive(uint64(per)); err != nil {
			return fmt.Errorf("session %d, after %d messages: %w", i, s.next, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	took := time.Since(begin)
	peak, err := p.memory("VmHWM")
	p.settle()
	settled, other := p.memory("VmRSS")
	n := float64(t.got.Load())
	b.report.result("load=drain/broker="+name, int(n),
		value{n / took.Seconds(), "msg/s"},
		value{float64(p.cpu()-cpu) / n, "cpu-ns/msg"},
		value{took.Seconds(), "sec"},
		value{float64(peak - before), "peak-B"},
		value{float64(settled - before), "settled-B"})
	return errors.Join(err, other)
}
