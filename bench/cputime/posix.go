//go:build linux || darwin

package cputime

import (
	"time"

	"golang.org/x/sys/unix"
)

// used is the processor time of this process.
func used() (t time.Duration, ok bool) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano()), err == nil
}
