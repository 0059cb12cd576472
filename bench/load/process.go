package load

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

// sample is what is known at one moment of a run.
type sample struct {
	at        time.Duration
	published uint64
	delivered uint64
	usage
}

// usage is what processes have used so far.
type usage struct {
	cpu      time.Duration // of the broker
	own      time.Duration // of this process
	resident int           // bytes of the broker
}

func (r *run) look() (s sample, err error) {
	s.at, s.delivered = r.now(), r.delivered.Load()
	for _, src := range r.sources {
		s.published += src.gate.sent.Load()
	}
	s.usage, err = r.usage()
	return s, err
}

// usage is zero without a PID.
func (c *Config) usage() (u usage, err error) {
	if c.PID == 0 {
		return u, nil
	}
	if u.cpu, err = processorTime(c.PID); err != nil {
		return u, err
	}
	if u.own, err = processorTime(os.Getpid()); err != nil {
		return u, err
	}
	u.resident, err = resident(c.PID)
	return u, err
}

// settled is usage when the resident memory has not become less for a while.
func (c *Config) settled(ctx context.Context) (usage, error) {
	const interval, quiet, most = 500 * time.Millisecond, 10, 240
	least, err := c.usage()
	for same, n := 0, 0; same < quiet && n < most && err == nil && c.PID != 0; n++ {
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return least, context.Cause(ctx)
		}
		var now usage
		now, err = c.usage()
		same++
		if now.resident < least.resident {
			same = 0
		}
		if same == quiet || now.resident < least.resident {
			least = now
		}
	}
	return least, err
}

// resident is the memory of a process, in bytes.
func resident(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("the memory of process %d: %w", pid, err)
	}
	_, rest, ok := bytes.Cut(status, []byte("VmRSS:"))
	if !ok {
		return 0, fmt.Errorf("/proc/%d/status has no VmRSS: expected a process that runs", pid)
	}
	kib, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	return kib << 10, err
}
