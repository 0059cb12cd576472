// Package cputime is for benchmarks on a machine that others use too: they change the
// time on the clock, but hardly what a program takes of the processors.
package cputime

import "testing"

// Report lets b report its allocations and, as cpu-ns/op, how long all processors
// together work for an operation, where the system tells. It stands just before the
// loop: everything from there to the end of b counts.
func Report(b *testing.B) {
	b.ReportAllocs()
	start, ok := used()
	if !ok {
		return
	}
	b.Cleanup(func() {
		end, _ := used()
		b.ReportMetric(float64(end-start)/float64(b.N), "cpu-ns/op")
	})
}
