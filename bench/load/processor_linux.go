package load

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what a process has used so far, by all its threads, user and system:
// clock_getcpuclockid(3) says which clock that is.
func processorTime(pid int) (time.Duration, error) {
	const scheduler = 2
	var t unix.Timespec
	if err := unix.ClockGettime(^int32(pid)<<3|scheduler, &t); err != nil {
		return 0, fmt.Errorf("the processor time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}
