//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cpu is the time of processors that the broker has taken so far, in user and
// kernel mode, by all its threads: clock_getcpuclockid(3) says which clock that is.
func (p *process) cpu() time.Duration {
	const scheduler = 2
	var t unix.Timespec
	if unix.ClockGettime(^int32(p.Process.Pid)<<3|scheduler, &t) != nil {
		return 0 // it has ended, which its clients see as well
	}
	return time.Duration(t.Nano())
}

// ownCPU is that of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// settle waits until the broker does next to nothing.
func (p *process) settle() {
	const interval, idle, most = 200 * time.Millisecond, 2 * time.Millisecond, 150
	before := p.cpu()
	for range most {
		time.Sleep(interval)
		now := p.cpu()
		if now-before < idle {
			return
		}
		before = now
	}
}

// memory is a line of /proc/PID/status, VmRSS or VmHWM, in bytes.
func (p *process) memory(line string) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(status, []byte(line+":"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("/proc/%d/status has no %s", p.Process.Pid, line)
	}
	kib, err := strconv.Atoi(string(fields[0]))
	return kib << 10, err
}

// forgetPeak has VmHWM begin anew, at VmRSS.
func (p *process) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.Process.Pid), []byte("5"), 0)
}
