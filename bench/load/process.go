package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// sample is what is known at one moment of a run.
type sample struct {
	at        time.Duration
	delivered uint64
	cpu       time.Duration // of the broker
	own       time.Duration // of this process
	resident  int           // bytes of the broker
}

func (r *run) look() (sample, error) {
	s := sample{at: r.now(), delivered: r.delivered.Load()}
	if r.PID == 0 {
		return s, nil
	}
	var err error
	if s.cpu, err = processorTime(r.PID); err != nil {
		return s, err
	}
	if s.own, err = processorTime(os.Getpid()); err != nil {
		return s, err
	}
	s.resident, err = resident(r.PID)
	return s, err
}

// processorTime is what a process has used so far, user and system.
func processorTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("the processor time of the broker: %w", err)
	}
	// The name, in parentheses, may hold anything. Behind it stand fields 3 and on.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const userTime, systemTime = 14 - 3, 15 - 3
	var ticks int
	for _, i := range []int{userTime, systemTime} {
		n, err := strconv.Atoi(string(fields[i]))
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on all of Linux
	return time.Duration(ticks) * tick, nil
}

// resident is the memory of a process, in bytes.
func resident(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("the memory of the broker: %w", err)
	}
	_, rest, ok := bytes.Cut(status, []byte("VmRSS:"))
	if !ok {
		return 0, fmt.Errorf("/proc/%d/status has no VmRSS: expected a process that runs", pid)
	}
	kib, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	return kib << 10, err
}
