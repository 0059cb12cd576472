//go:build linux || darwin

package cputime

import (
	"testing"
	"time"
)

// What others do, or waiting, does not count; work does.
func TestReport(t *testing.T) {
	wait := make(chan struct{})
	measure := func(op func()) (cpu, clock time.Duration) {
		r := testing.Benchmark(func(b *testing.B) {
			Report(b)
			for b.Loop() {
				op()
			}
		})
		return time.Duration(r.Extra["cpu-ns/op"]), time.Duration(r.NsPerOp())
	}
	cpu, clock := measure(func() {
		time.AfterFunc(time.Millisecond, func() { wait <- struct{}{} })
		<-wait
	})
	if cpu <= 0 || cpu > clock/2 {
		t.Errorf("waiting took %v of the processor in %v", cpu, clock)
	}
	x := 0
	cpu, clock = measure(func() {
		for i := range 100_000 {
			x ^= i
		}
	})
	if cpu <= 0 || cpu > 3*clock {
		t.Errorf("work took %v of the processor in %v", cpu, clock)
	}
}
