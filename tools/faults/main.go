// Command faults proves from outside what package client promises while a session
// lasts: it runs clients and a broker within this process, and between them a proxy that
// cuts, stalls, half closes, delays and doubles their connections at random bytes. It
// keeps a ledger of what publishers were told and what has arrived. See ledger for the
// rules.
//
//	go run -race ./tools/faults [-for TIME] [-seed N]
//	go run -race ./tools/faults -kills N [-seed N]
//
// With -kills the clients are processes with a store each, killed with SIGKILL at random
// moments, one at a time, and started again. Then what was accepted, or acknowledged,
// outlives them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.uber.org/goleak"
)

type options struct {
	lasts time.Duration
	kills int
	seed  uint64
}

// workerCommand is how the program starts itself.
const workerCommand = "worker"

func main() {
	var o options
	flag.DurationVar(&o.lasts, "for", 10*time.Minute, "how long there are faults")
	flag.IntVar(&o.kills, "kills", 0, "how many times clients are killed, instead")
	flag.Uint64Var(&o.seed, "seed", 0, "of faults and kills; 0 is another each time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if flag.Arg(0) == workerCommand {
		err = work(flag.Arg(1))
	} else {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(dir)
		}
	}()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	fmt.Printf("seed %d, in %s\n", o.seed, dir)
	before := goleak.IgnoreCurrent()
	w, err := newWorld(slog.New(slog.NewTextHandler(log, nil)), planned(o.seed, keepAlive))
	if err != nil {
		return err
	}
	if o.kills > 0 {
		err = kill(ctx, w, o.kills, o.seed, dir)
	} else {
		err = endure(ctx, w, o.lasts, o.seed)
	}
	if err = errors.Join(err, w.end()); err == nil {
		err = goleak.Find(before)
	}
	fmt.Printf("%v\n%v\n", w.ledger, w.proxy)
	if err != nil {
		return fmt.Errorf("%w\nseed %d, the log is in %s\n%s", err, o.seed, dir, strings.Join(w.ledger.broken, "\n"))
	}
	return nil
}
