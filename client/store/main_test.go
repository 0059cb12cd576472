package store_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/client/store/storetest"
)

// Some tests need another process. It is this binary, told by childEnv what to do.
const childEnv = "FLETCH_CLIENT_STORE_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		goleak.VerifyTestMain(m)
	}
	child(os.Args[1])
}

// What a child commits: one record comes, the one of outbox commits before goes, and
// both are told by a record that stays.
const (
	outbox  = 50
	counter = 1 << 40
)

// child commits, and says each time how often it has, until it is killed.
func child(dir string) {
	d, err := store.OpenDir(dir, store.DirOptions{Logger: quiet}.Small())
	var next uint64
	if err == nil {
		err = d.Load(func(key uint64, value []byte) error {
			if key == counter {
				fmt.Sscan(string(value), &next)
			}
			return nil
		})
	}
	var b store.Batch
	for ; err == nil; next++ {
		b.Reset()
		b.Put(next, make([]byte, 100+next%7*1000))
		b.Delete(next - outbox)
		b.Put(counter, fmt.Append(nil, next+1))
		if err = d.Commit(&b); err == nil {
			_, err = fmt.Println(next + 1)
		}
	}
	panic(err)
}

// When the process is killed, no commit that has returned is missing, and none is
// there in part; the next to open the store waits for nothing.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	said := uint64(0)
	for round := range 8 {
		c := exec.Command(os.Args[0], dir)
		c.Env = append(os.Environ(), childEnv+"=write")
		var stderr strings.Builder
		c.Stderr = &stderr
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		until := said + 100 + uint64(round)*37
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Sscan(lines.Text(), &said)
			if said == until {
				if round == 0 {
					_, err := store.OpenDir(dir, store.DirOptions{Logger: quiet})
					if want := fmt.Sprintf("in use by process %d", c.Process.Pid); err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("%v, want %q", err, want)
					}
				}
				c.Process.Kill()
			}
		}
		c.Wait()
		if said < until {
			t.Fatalf("it has ended by itself after %d: %s", said, &stderr)
		}
		said = checkKilled(t, dir, said)
	}
}

// checkKilled gives how many commits there are: those that the child has said, and
// one more if it could not say it any more.
func checkKilled(t *testing.T, dir string, said uint64) uint64 {
	t.Helper()
	d := open(t, dir, store.DirOptions{}.Small())
	defer d.Close()
	got := storetest.Records(t, d)
	var n uint64
	fmt.Sscan(got[counter], &n)
	if n != said && n != said+1 {
		t.Fatalf("%d commits are there, it said %d", n, said)
	}
	if len(got) != outbox+1 {
		t.Errorf("%d records, want %d", len(got), outbox+1)
	}
	for key := n - outbox; key < n; key++ {
		if len(got[key]) != 100+int(key%7)*1000 {
			t.Errorf("record %d of %d has %d bytes", key, n, len(got[key]))
		}
	}
	return n
}
