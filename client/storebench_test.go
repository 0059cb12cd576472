package client_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/store"
)

// commitCounter counts the commits of a Store.
type commitCounter struct {
	store.Store
	commits atomic.Int64
}

func (s *commitCounter) Commit(b *store.Batch) error {
	s.commits.Add(1)
	return s.Store.Commit(b)
}

// BenchmarkPublishAsyncStore is a message of 100 bytes at QoS 1, accepted: it is in the
// directory. How many messages share a commit is measured too.
func BenchmarkPublishAsyncStore(b *testing.B) {
	for _, d := range []struct {
		name string
		d    store.Durability
	}{{"written", store.Written}, {"fsync", store.Fsync}} {
		for _, n := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/goroutines=%d", d.name, n), func(b *testing.B) { benchmarkStore(b, d.d, n) })
		}
	}
}

func benchmarkStore(b *testing.B, durability store.Durability, goroutines int) {
	quiet := slog.New(slog.DiscardHandler)
	server, stop := start(broker.Config{Logger: quiet})
	defer stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go server.Serve(b.Context(), l)
	dir, err := store.OpenDir(b.TempDir(), store.DirOptions{Durability: durability, Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	defer dir.Close()
	s := &commitCounter{Store: dir}
	c, err := client.Dial(b.Context(), l.Addr().String(), client.Config{ClientID: "x", KeepSession: true, Store: s})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	m := client.Message{Topic: "a/b", Payload: make([]byte, 100), QoS: 1}
	before := s.commits.Load()
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := c.PublishAsync(context.Background(), m); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/float64(s.commits.Load()-before), "msgs/commit")
}
