//go:build linux

package main

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/fletchmq/fletch/packets"
)

const (
	probeRate = 1000 // messages per second, at QoS 0
	windows   = 8    // of a second each, in a round
	probes    = windows * probeRate
)

// latencies measures how long a message at QoS 0 is on its way, alone and beside
// a stream of others that is kept at fsync, and beside the same stream at memory:
// what that does is not the disk's doing, but that of a machine with too much to do.
func (b *bench) latencies() error {
	memory, inMemory := b.called("memory")
	fsync, onDisk := b.called("fsync")
	if !inMemory || !onDisk {
		return nil
	}
	for range b.rounds {
		alone, _, err := b.latency(fsync, "beside=nothing", -1)
		if err != nil {
			return err
		}
		busy, rate, err := b.latency(fsync, "beside=stream", 0)
		if err != nil {
			return err
		}
		same, _, err := b.latency(memory, "beside=stream-as-fsync", rate)
		if err != nil {
			return err
		}
		b.report.sample(bar{what: "latency: p99 at QoS 0 beside a stream at fsync, to alone", limit: 2}, busy/alone)
		b.report.sample(bar{what: "latency: p99 at QoS 0 beside a stream at fsync, to the same at memory", limit: 2}, busy/same)
	}
	return nil
}

// latency measures it beside a stream of rate messages per second, 0 for as fast as
// acknowledged and less for none, and gives how fast that was.
func (b *bench) latency(one broker, beside string, rate float64) (p99, reached float64, err error) {
	p, err := b.start(one)
	if err != nil {
		return 0, 0, err
	}
	defer p.end()
	var s *stream
	if rate >= 0 {
		if s, err = startStream(p.address, rate); err != nil {
			return 0, 0, err
		}
		defer s.kill()
	}
	all, err := probe(p.address)
	if err == nil && s != nil {
		reached, err = s.end()
	}
	if err != nil {
		return 0, 0, err
	}
	p50, p99 := percentiles(all)
	b.report.result("load=latency/broker="+one.name+"/"+beside, len(all),
		value{p50, "p50-ns"},
		value{p99, "p99-ns"},
		value{reached, "stream-msg/s"})
	return p99, reached, nil
}

// percentiles are medians over the windows: when the machine stands still for a
// moment, it is in one of them.
func percentiles(all []time.Duration) (p50, p99 float64) {
	var halves, most []float64
	for w := range slices.Chunk(all, probeRate) {
		slices.Sort(w)
		halves, most = append(halves, float64(w[len(w)/2])), append(most, float64(w[len(w)*99/100]))
	}
	return median(halves), median(most)
}

// probe publishes at a moderate rate and says how long each message took.
func probe(address string) ([]time.Duration, error) {
	in, err := subscribed(address, passing("probe-in"), "probe", packets.TypeSuback)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, err := connect(address, passing("probe-out"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	begin := time.Now()
	failed := make(chan error, 1)
	go func() {
		m := packets.Publish{Topic: []byte("probe"), Payload: make([]byte, payload)}
		var err error
		for i := 0; i < probes && err == nil; i++ {
			time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / probeRate)))
			binary.BigEndian.PutUint64(m.Payload, uint64(time.Since(begin)))
			out.out = m.AppendTo(out.out, packets.V5)
			err = out.flush()
		}
		failed <- err
	}()
	var all []time.Duration
	for err == nil && len(all) < probes {
		err = in.turn(func(packet packets.Packet) error {
			m, ok := packet.(*packets.Publish)
			if !ok {
				return in.accepted(packet)
			}
			all = append(all, time.Since(begin)-time.Duration(binary.BigEndian.Uint64(m.Payload)))
			return nil
		})
	}
	if err != nil {
		out.Close()
		<-failed
		return nil, err
	}
	return all, <-failed
}
