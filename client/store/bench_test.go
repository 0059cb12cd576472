package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/client/store/storetest"
)

// Messages come, and those that came a while ago go.
func BenchmarkCommit(b *testing.B) {
	for _, size := range []int{1, 100} {
		for name, level := range levels {
			b.Run(fmt.Sprintf("records=%d/durability=%s", size, name), func(b *testing.B) {
				benchmark(b, size, 0, store.DirOptions{Durability: level})
			})
		}
	}
}

// Some of the messages stay for ever, and have to be copied again and again: the
// longest a commit takes is what that adds.
func BenchmarkCommitCleaning(b *testing.B) {
	for name, level := range levels {
		b.Run("live=64MiB/durability="+name, func(b *testing.B) {
			benchmark(b, 10, 1<<18, store.DirOptions{Durability: level})
		})
	}
}

func benchmark(b *testing.B, size, live int, o store.DirOptions) {
	d := open(b, b.TempDir(), o)
	value := make([]byte, 256)
	var batch store.Batch
	for i := range live {
		if batch.Put(1<<40+uint64(i), value); i%1000 == 999 || i == live-1 {
			storetest.Commit(b, d, &batch)
			batch.Reset()
		}
	}
	var next uint64
	var longest time.Duration
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		for range size {
			batch.Put(next, value)
			batch.Delete(next - 2000)
			next++
		}
		start := time.Now()
		storetest.Commit(b, d, &batch)
		longest = max(longest, time.Since(start))
	}
	b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(longest.Microseconds())/1000, "longest-ms")
}

// What a client waits for when it starts with a full outbox.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	d := open(b, dir, store.DirOptions{})
	var batch store.Batch
	for i := range uint64(1 << 18) {
		if batch.Put(i, make([]byte, 256)); i%10 == 9 {
			storetest.Commit(b, d, &batch)
			batch.Reset()
		}
	}
	d.Close()
	for b.Loop() {
		d := open(b, dir, store.DirOptions{})
		if err := d.Load(func(uint64, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
		d.Close()
	}
}
