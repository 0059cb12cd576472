//go:build unix

package disk

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fletchmq/fletch/broker/store"
)

// A message comes, and one that came a while ago goes.
func BenchmarkCommit(b *testing.B) {
	value := append(store.AppendHolders(nil, []store.Holder{{Number: 1}, {Number: 2}}), make([]byte, 300)...)
	for _, op := range []struct {
		name        string
		come, leave func(batch *store.Batch, key []byte)
	}{
		{"put-remove", func(c *store.Batch, k []byte) { c.Put(k, value) }, func(c *store.Batch, k []byte) { c.Remove(k) }},
		{"share-drop", func(c *store.Batch, k []byte) { c.Share(k, value) }, func(c *store.Batch, k []byte) { c.Drop(k, 1); c.Drop(k, 2) }},
	} {
		for _, size := range []int{1, 10, 100, 1000} {
			for name, d := range map[string]Durability{"written": Written, "fsync": Fsync} {
				b.Run(fmt.Sprintf("op=%s/batch=%d/durability=%s", op.name, size, name), func(b *testing.B) {
					benchmark(b, d, size, op.come, op.leave)
				})
			}
		}
	}
}

func benchmark(b *testing.B, d Durability, size int, come, leave func(*store.Batch, []byte)) {
	s, err := Open(b.TempDir(), Options{Durability: d, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var batch store.Batch
	key := func(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte("m"), n) }
	var next uint64
	start := cpu()
	for b.Loop() {
		batch.Reset()
		for range size {
			come(&batch, key(next))
			if next >= 2000 {
				leave(&batch, key(next-2000))
			}
			next++
		}
		if err := s.Commit(&batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-start)/float64(next), "cpu-ns/msg")
	b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "msg/s")
}

func cpu() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
