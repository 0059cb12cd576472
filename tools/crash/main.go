// Command crash proves from outside that acknowledged means stored: it loads a broker,
// kills it at random moments with SIGKILL, starts it again on the same data, and keeps
// a ledger of what was acknowledged and what has arrived. See ledger for the rules.
//
//	go run ./tools/crash [-kills N] [-seed N] [-durability LEVEL] [-data DIR] [BROKER ARGUMENT...]
//
// It builds fletch and runs it, unless another broker is named. PORT and DATA in its
// arguments are where it is to listen, on 127.0.0.1, and to store.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

type options struct {
	kills      int
	seed       uint64
	durability string
	data       string
	broker     []string
}

func main() {
	var o options
	flag.IntVar(&o.kills, "kills", 100, "how many times the broker is killed")
	flag.Uint64Var(&o.seed, "seed", 0, "of all that is random; 0 is another each time")
	flag.StringVar(&o.durability, "durability", "written", "of fletch: written or fsync, or memory to see it fail")
	flag.StringVar(&o.data, "data", "", "an empty `directory` for the data of the broker and its log, which stays; by default one for this time, which stays after a failure")
	flag.Parse()
	o.broker = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	dir, err := directory(o.data)
	if err != nil {
		return err
	}
	defer func() {
		if err == nil && o.data == "" {
			err = os.RemoveAll(dir)
		}
	}()
	if len(o.broker) == 0 {
		if o.broker, err = build(ctx, dir, o.durability); err != nil {
			return err
		}
	}
	s, err := newServer(dir, o.broker)
	if err != nil {
		return err
	}
	defer s.log.Close()
	defer s.kill()
	fmt.Printf("seed %d, %d kills, in %s\n", o.seed, o.kills, dir)
	bound := 2*time.Minute + time.Duration(o.kills)*2*patience
	ctx, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("it has taken more than %v", bound))
	defer cancel()
	ctx, broke := context.WithCancelCause(ctx)
	w := &world{
		address: s.address, ledger: newLedger(broke), gate: newGate(),
		finishing: make(chan struct{}), retired: make(chan struct{}),
	}
	c := &campaign{world: w, server: s, rng: rand.New(rand.NewPCG(o.seed, 0)), out: os.Stdout, moments: map[string]int{}}
	err = c.run(ctx, o.kills, o.seed)
	fmt.Print(c.summary())
	if err != nil {
		return fmt.Errorf("%w\nseed %d, data and log are in %s%s", err, o.seed, dir, w.ledger.others())
	}
	return nil
}

// directory is where all of one run is.
func directory(data string) (string, error) {
	if data == "" {
		return os.MkdirTemp("", "crash")
	}
	entries, err := os.ReadDir(data)
	if err == nil && len(entries) > 0 {
		return "", fmt.Errorf("-data %s: expected an empty directory", data)
	}
	if errors.Is(err, os.ErrNotExist) {
		err = os.MkdirAll(data, 0o700)
	}
	return data, err
}

// build makes fletch, and is the command that runs it. What waits for clients must not
// come to a limit: it would be refused, and rightly so.
func build(ctx context.Context, dir, durability string) ([]string, error) {
	program := filepath.Join(dir, "fletch")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/fletchmq/fletch/tools/fletch")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("building fletch: %w", err)
	}
	command := []string{program, "serve", "--listen", "127.0.0.1:PORT", "--log-level", "warn", "--maximum-queued-bytes", "268435456"}
	switch durability {
	case "memory":
	case "written", "fsync":
		command = append(command, "--data", "DATA", "--durability", durability)
	default:
		return nil, fmt.Errorf("-durability %s: expected memory, written or fsync", durability)
	}
	return command, nil
}
