//go:build linux

package main

import (
	"fmt"
	"os"
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
		cpu, rate := map[string]float64{}, map[string]float64{}
		for _, one := range b.brokers {
			s, err := b.stretch(one, load)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			n := float64(s.messages)
			cpu[one.name], rate[one.name] = float64(s.cpu)/n, n/s.took.Seconds()
			b.report.result("load="+load+"/broker="+one.name, s.messages,
				value{rate[one.name], "msg/s"},
				value{cpu[one.name], "cpu-ns/msg"},
				value{float64(s.own) / n, "load-cpu-ns/msg"})
			if one.name == "fsync" {
				b.grouped(load, rate["fsync"]/s.syncs, rate["written"]/s.syncs)
			}
		}
		if cpu["written"] > 0 && cpu["memory"] > 0 {
			b.report.sample(bar{what: load + ": CPU of a message, written to memory", limit: 2}, cpu["written"]/cpu["memory"])
		}
	}
	return nil
}

// grouped takes down how many messages an fsync of the disk is worth. Too few say
// nothing on a disk so fast that even written is not worth enough.
func (b *bench) grouped(load string, fsync, written float64) {
	const least = 50
	if fsync < least && written > 0 && written < least {
		fmt.Fprintf(os.Stderr, "durable: %s: the disk is faster than the broker: it keeps %.4g messages for an fsync at written, %.4g at fsync\n", load, written, fsync)
		return
	}
	b.report.sample(bar{what: load + ": messages at fsync for an fsync of the disk", atLeast: true, limit: least}, fsync)
}

// stretch is what was measured of a broker that starts with nothing.
type stretch struct {
	messages int
	took     time.Duration // until the last is acknowledged, and received
	cpu      time.Duration // of the broker, until it is quiet
	own      time.Duration // of this program
	syncs    float64       // of the disk per second, before and after
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
	before, err := b.syncs(one)
	if err != nil {
		return s, err
	}
	cpu, own, begin := p.cpu(), ownCPU(), time.Now()
	if s.messages, err = t.publish(b.messages, b.limit); err != nil {
		return s, err
	}
	s.took, s.own = time.Since(begin), ownCPU()-own
	p.settle()
	s.cpu = p.cpu() - cpu
	after, err := b.syncs(one)
	s.syncs = (before + after) / 2
	return s, err
}
