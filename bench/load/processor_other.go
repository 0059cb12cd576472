//go:build !linux

package load

import (
	"errors"
	"time"
)

func processorTime(int) (time.Duration, error) {
	return 0, errors.New("the processor time of a process: expected Linux")
}
