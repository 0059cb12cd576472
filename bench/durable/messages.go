//go:build linux

package main

import (
	"fmt"
	"time"
)

// A subscriber of perMessage is there, or its session alone.
const (
	connected = "pairs"
	absent    = "absent"
)

// perMessage measures what a message costs, publishers to a subscriber each.
func (b *bench) perMessage(load string) error {
	for range b.rounds {
		cpu := map[string]float64{}
		for _, one := range b.brokers {
			before, err := b.syncs(one)
			if err != nil {
				return err
			}
			s, err := b.stretch(one, load)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			after, err := b.syncs(one)
			if err != nil {
				return err
			}
			n := float64(s.messages)
			b.report.result("load="+load+"/broker="+one.name, s.messages,
				value{n / s.took.Seconds(), "msg/s"},
				value{float64(s.cpu) / n, "cpu-ns/msg"},
				value{float64(s.own) / n, "load-cpu-ns/msg"})
			cpu[one.name] = float64(s.cpu) / n
			if one.name == "fsync" {
				b.report.sample(bar{what: load + ": messages at fsync for an fsync of the disk", atLeast: true, limit: 50}, n/s.took.Seconds()/((before+after)/2))
			}
		}
		if cpu["written"] > 0 && cpu["memory"] > 0 {
			b.report.sample(bar{what: load + ": CPU of a message, written to memory", limit: 2}, cpu["written"]/cpu["memory"])
		}
	}
	return nil
}

// stretch is what was measured of a broker that starts with nothing.
type stretch struct {
	messages int
	took     time.Duration // until the last is acknowledged, and received
	cpu, own time.Duration // of the broker until it is quiet, and of this program
}

func (b *bench) stretch(one broker, load string) (s stretch, err error) {
	p, err := b.start(one)
	if err != nil {
		return s, err
	}
	defer p.end()
	var t traffic
	defer t.close()
	if err := sessions(p.address, clients); err != nil {
		return s, err
	}
	if load == connected {
		if err := t.resume(p.address, clients); err != nil {
			return s, err
		}
	}
	if err := t.open(p.address, 1, b.window); err != nil {
		return s, err
	}
	if _, err := t.publish(b.messages/10, b.limit/10); err != nil { // what the first bring does not count
		return s, err
	}
	p.settle()
	cpu, own, begin := p.cpu(), ownCPU(), time.Now()
	s.messages, err = t.publish(b.messages, b.limit)
	s.took, s.own = time.Since(begin), ownCPU()-own
	p.settle()
	s.cpu = p.cpu() - cpu
	return s, err
}
