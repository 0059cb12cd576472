//go:build linux || darwin

package cputime

import (
	"flag"
	"testing"
	"time"
)

// Work counts, and waiting does not.
func TestReport(t *testing.T) {
	if err := flag.Set("test.benchtime", "20x"); err != nil {
		t.Fatal(err)
	}
	measure := func(op func()) (cpu, clock time.Duration) {
		r := testing.Benchmark(func(b *testing.B) {
			Report(b)
			for b.Loop() {
				op()
			}
		})
		return time.Duration(r.Extra["cpu-ns/op"]), time.Duration(r.NsPerOp())
	}
	if cpu, clock := measure(func() { <-time.After(2 * time.Millisecond) }); cpu <= 0 || cpu > clock/2 {
		t.Errorf("waiting took %v of the processor in %v", cpu, clock)
	}
	cpu, _ := measure(func() {
		start, _ := used()
		for now := start; now < start+time.Millisecond; now, _ = used() {
		}
	})
	if cpu < time.Millisecond {
		t.Errorf("work of 1ms took %v of the processor", cpu)
	}
}
