//go:build !linux && !darwin

package cputime

import "time"

func used() (t time.Duration, ok bool) { return 0, false }
