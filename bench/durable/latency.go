//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"syscall"
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
// what that does is not the disk's doing.
func (b *bench) latencies() error {
	memory, _ := b.called("memory")
	fsync, ok := b.called("fsync")
	if !ok {
		fsync = memory
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
		if _, _, err := b.latency(memory, "beside=stream-as-fsync", rate); err != nil {
			return err
		}
		if ok {
			b.report.sample(bar{what: "latency: p99 at QoS 0 beside a stream at fsync, to alone", limit: 2}, busy/alone)
		}
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

// stream is a process of this program that keeps a broker busy: in this one it
// would be in the way of the measurement.
type stream struct {
	*exec.Cmd
	in  io.Closer
	out *bufio.Reader
}

func startStream(address string, rate float64) (*stream, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &stream{Cmd: exec.Command(self, "-stream", address, "-rate", fmt.Sprint(rate))}
	s.Stderr = os.Stderr
	s.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := s.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.in, s.out = in, bufio.NewReader(out)
	if err := s.Start(); err != nil {
		return nil, err
	}
	var ready string
	_, err = fmt.Fscan(s.out, &ready)
	return s, err
}

// end gives how many messages per second there were.
func (s *stream) end() (rate float64, err error) {
	s.in.Close()
	_, err = fmt.Fscan(s.out, &rate)
	return rate, err
}

func (s *stream) kill() {
	s.Process.Kill()
	s.Wait()
}

// streamTo is the other side of startStream. Each publisher waits for each PUBACK.
func streamTo(address string, rate float64) error {
	var t traffic
	defer t.close()
	if err := sessions(address, clients); err != nil {
		return err
	}
	if err := t.resume(address, clients); err != nil {
		return err
	}
	if err := t.open(address, 1, 1); err != nil {
		return err
	}
	if rate > 0 {
		for _, p := range t.publishers {
			p.every, p.due = time.Duration(clients/rate*float64(time.Second)), time.Now()
		}
	}
	const warm = time.Second
	if _, err := t.publish(math.MaxInt, warm); err != nil {
		return err
	}
	fmt.Println("ready")
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	begin, n := time.Now(), 0
	for {
		select {
		case <-ended:
			fmt.Println(float64(n) / time.Since(begin).Seconds())
			return nil
		default:
		}
		k, err := t.publish(math.MaxInt, 200*time.Millisecond)
		if err != nil {
			return err
		}
		n += k
	}
}
