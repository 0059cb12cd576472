//go:build unix

package disk

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
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

// What has been stored is read: in order, as at the start, and here and there.
func BenchmarkRead(b *testing.B) {
	const keys = 300_000
	s, err := Open(b.TempDir(), Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	key := func(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte("m"), n) }
	value := make([]byte, 300)
	random := rand.NewChaCha8([32]byte{})
	var batch store.Batch
	for n := range uint64(keys) {
		random.Read(value[:150]) // half of it can be compressed
		batch.Put(key(n), value)
		if n%1000 == 999 {
			if err := s.Commit(&batch); err != nil {
				b.Fatal(err)
			}
			batch.Reset()
		}
	}
	b.Run(fmt.Sprintf("op=scan/keys=%d", keys), func(b *testing.B) {
		n, start := 0, cpu()
		for b.Loop() {
			err := s.Scan([]byte("m"), func(_, _ []byte) error { n++; return nil })
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpu()-start)/float64(n), "cpu-ns/msg")
	})
	b.Run(fmt.Sprintf("op=get/keys=%d", keys), func(b *testing.B) {
		var buf []byte
		n, start := uint64(0), cpu()
		for b.Loop() {
			if buf, err = s.Get(buf[:0], key(n*1009%keys)); err != nil {
				b.Fatal(err)
			}
			n++
		}
		b.ReportMetric(float64(cpu()-start)/float64(n), "cpu-ns/msg")
	})
}

func cpu() time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
