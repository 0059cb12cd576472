package load

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// newSleeper gives a sleep that is exact to some microseconds, where that of package
// time is not to a millisecond. It is for one goroutine, which calls end at last.
func newSleeper() (sleep func(time.Duration), end func()) {
	runtime.LockOSThread()
	const exact = 1 // nanosecond; 0 is the default
	unix.Prctl(unix.PR_SET_TIMERSLACK, exact, 0, 0, 0)
	sleep = func(d time.Duration) {
		left := unix.NsecToTimespec(int64(d))
		unix.Nanosleep(&left, nil)
	}
	return sleep, func() {
		unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
		runtime.UnlockOSThread()
	}
}
