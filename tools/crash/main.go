// Command crash proves from outside that acknowledged means stored: it loads a broker,
// kills it at random moments with SIGKILL, or now and then asks it to end, starts it
// again on the same data, and keeps a ledger of what was acknowledged and what has
// arrived. See ledger for the rules.
//
//	go run ./tools/crash [-kills N] [-seed N] [-durability LEVEL] [-data DIR] [BROKER ARGUMENT...]
//	go run ./tools/crash -power [-kills N] [-seed N] [-durability LEVEL] [-data DIR]
//
// It builds fletch and runs it, unless another broker is named. PORT and DATA in its
// arguments are where it is to listen, on 127.0.0.1, and to store.
//
// With -power it cuts the power instead: the broker runs within this process, on a disk
// in memory that forgets what was not synced. In DIR is its log alone then.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
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
	power      bool
	seed       uint64
	durability string
	data       string
	broker     []string
}

func main() {
	var o options
	flag.IntVar(&o.kills, "kills", 100, "how many times the broker is killed")
	flag.BoolVar(&o.power, "power", false, "cut the power of a broker within this process instead of killing one")
	flag.Uint64Var(&o.seed, "seed", 0, "of all that is random; 0 is another each time")
	flag.StringVar(&o.durability, "durability", "", "of fletch: written or fsync, or one that is too little, to see it fail: memory, or with -power written. By default the least that is enough")
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
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	b, rounds, err := o.target(ctx, dir, log)
	if err != nil {
		return err
	}
	defer b.kill()
	fmt.Printf("seed %d, %d kills, in %s\n", o.seed, o.kills, dir)
	bound := 2*time.Minute + time.Duration(o.kills)*2*patience
	ctx, cancel := context.WithTimeoutCause(ctx, bound, fmt.Errorf("it has taken more than %v", bound))
	defer cancel()
	ctx, broke := context.WithCancelCause(ctx)
	w := &world{
		dial: b.dial, ledger: newLedger(broke), gate: newGate(),
		finishing: make(chan struct{}), retired: make(chan struct{}),
	}
	c := &campaign{world: w, target: b, rounds: rounds, rng: rand.New(rand.NewPCG(o.seed, 0)), out: os.Stdout, moments: map[string]int{}}
	err = c.run(ctx, o.kills, o.seed)
	fmt.Print(c.summary())
	if err != nil {
		return fmt.Errorf("%w\nseed %d, data and log are in %s%s", err, o.seed, dir, w.ledger.others())
	}
	return nil
}

// target is what is killed, and how long it lives each time.
func (o *options) target(ctx context.Context, dir string, log *os.File) (target, rounds, error) {
	if o.power {
		m, err := newMachine(rand.New(rand.NewPCG(o.seed, math.MaxUint64)), log, o.durability)
		return m, rounds{300 * time.Millisecond, 500}, err
	}
	command, err := o.broker, error(nil)
	if len(command) == 0 {
		command, err = build(ctx, dir, o.durability)
	}
	if err != nil {
		return nil, rounds{}, err
	}
	s, err := newServer(dir, log, command)
	return s, rounds{3 * time.Second, 5000}, err
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

// queueLimit is MaximumQueuedBytes. What waits for clients must not come to it: it
// would be refused, and rightly so.
const queueLimit = 256 << 20

// build makes fletch, and is the command that runs it.
func build(ctx context.Context, dir, durability string) ([]string, error) {
	program := filepath.Join(dir, "fletch")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/fletchmq/fletch/tools/fletch")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("building fletch: %w", err)
	}
	command := []string{program, "serve", "--listen", "127.0.0.1:PORT", "--log-level", "warn", "--maximum-queued-bytes", fmt.Sprint(queueLimit)}
	switch durability {
	case "memory":
	case "":
		command = append(command, "--data", "DATA", "--durability", "written")
	case "written", "fsync":
		command = append(command, "--data", "DATA", "--durability", durability)
	default:
		return nil, fmt.Errorf("-durability %s: expected memory, written or fsync", durability)
	}
	return command, nil
}
