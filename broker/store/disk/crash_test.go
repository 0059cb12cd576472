package disk

import (
	"bufio"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/fletchmq/fletch/broker/store"
)

// When the process is killed, no commit that has returned is missing.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	c := exec.Command(os.Args[0], dir)
	c.Env = append(os.Environ(), childEnv+"=write")
	out, _ := c.StdoutPipe()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		fmt.Sscan(lines.Text(), &said)
		if said == 300 {
			c.Process.Kill()
		}
	}
	c.Wait()
	if said < 300 {
		t.Fatalf("it has ended by itself after %d", said)
	}
	s := open(t, dir, Options{})
	defer s.Close()
	all := keys(t, s)
	for i, key := range all {
		if key != fmt.Sprintf("m%09d", i) {
			t.Fatalf("number %d is %s", i, key)
		}
	}
	if len(all) < said || len(all) > said+1 {
		t.Errorf("%d are there, it said %d", len(all), said)
	}
}

// When the machine stops, a store is what it was after one of its commits: with
// Fsync none that has returned is missing.
func TestPowerLoss(t *testing.T) {
	for _, d := range []Durability{Written, Fsync} {
		for seed := range uint64(10) {
			t.Run(fmt.Sprintf("durability=%d/seed=%d", d, seed), func(t *testing.T) { powerLoss(t, d, seed) })
		}
	}
}

func powerLoss(t *testing.T, d Durability, seed uint64) {
	const commits = 400
	rnd := rand.New(rand.NewPCG(seed, 0))
	mem := vfs.NewCrashableMem()
	quiet := slog.New(slog.DiscardHandler)
	s := open(t, "dir", Options{Durability: d, FS: mem, Logger: quiet})
	cut := rnd.IntN(commits)
	reached := make(chan struct{})
	var kept atomic.Int64
	var writer sync.WaitGroup
	writer.Go(func() {
		var b store.Batch
		for i := range commits {
			b.Reset()
			step(&b, i)
			if err := s.Commit(&b); err != nil {
				t.Error(err)
			}
			kept.Store(int64(i + 1))
			if i == cut {
				close(reached)
			}
			if i%97 == 96 {
				if err := s.db.Flush(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	<-reached
	atLeast := kept.Load()
	left := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rnd.IntN(101), RNG: rnd})
	writer.Wait()
	if err := s.Close(); err != nil {
		t.Error(err)
	}

	again := open(t, "dir", Options{Durability: d, FS: left, Logger: quiet})
	defer again.Close()
	got := keys(t, again)
	n := int64(0)
	for n <= commits && !slices.Equal(got, want(int(n))) {
		n++
	}
	if n > commits {
		t.Fatalf("%q is the state after no commit", got)
	}
	if d == Fsync && n < atLeast {
		t.Errorf("%d commits are kept, %d had returned", n, atLeast)
	}
}

// step is the commit number i: a message, and the end of those some steps ago. A few
// of them fill a block of the log, so that it can have holes.
func step(b *store.Batch, i int) {
	b.Put(fmt.Appendf(nil, "p%06d", i), make([]byte, 3000))
	b.Share(fmt.Appendf(nil, "h%06d", i), store.AppendHolders(nil, []store.Holder{{Number: 1}, {Number: 2}}))
	if i >= 10 {
		b.Remove(fmt.Appendf(nil, "p%06d", i-10))
		b.Drop(fmt.Appendf(nil, "h%06d", i-10), 1)
	}
	if i >= 20 {
		b.Drop(fmt.Appendf(nil, "h%06d", i-20), 2)
	}
}

// want are the keys after n steps.
func want(n int) []string {
	var all []string
	for i := max(0, n-20); i < n; i++ {
		all = append(all, fmt.Sprintf("h%06d", i))
	}
	for i := max(0, n-10); i < n; i++ {
		all = append(all, fmt.Sprintf("p%06d", i))
	}
	return all
}

func keys(t *testing.T, s *Store) []string {
	t.Helper()
	var all []string
	err := s.Scan(nil, func(key, _ []byte) error {
		all = append(all, string(key))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
