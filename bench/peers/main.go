//go:build linux

// Command peers puts Fletch and other brokers under the same load, in turn in one run,
// and writes what that costs them to bench/RESULTS.md. bench/peers.sh builds what it
// needs and runs it.
//
//	peers [-run REGEXP] [-rounds N] [-quick] [-with NAME='COMMAND … PORT'] [-report]
//
// Each measurement has a broker of its own, freshly started, and a process of fletch
// bench. All results go to bench/out/peers.jsonl, from which -report writes the report
// again. A run of all rows begins that file anew; a run of some takes their place.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
)

// Where things are, from the top of the repository.
const (
	programs = "bench/out" // what bench/peers.sh has built
	linesAt  = "bench/out/peers.jsonl"
	resultAt = "bench/RESULTS.md"
	plotsAt  = "bench/plots"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	b := bench{brokers: brokers()}
	only := flag.String("run", "", "measure only the rows whose names match `REGEXP`, and put them into the report")
	flag.IntVar(&b.rounds, "rounds", 3, "measure each row `N` times")
	flag.BoolVar(&b.quick, "quick", false, "see whether it works: once, and so shortly that the figures mean nothing")
	report := flag.Bool("report", false, "measure nothing, and write the report again")
	flag.Func("with", "one more broker: `NAME=COMMAND`, in which PORT is where it is to listen on 127.0.0.1. May be given more than once", func(s string) error {
		name, command, ok := strings.Cut(s, "=")
		if !ok || name == "" || !strings.Contains(command, "PORT") {
			return errors.New("expected NAME='COMMAND … PORT'")
		}
		b.brokers = append(b.brokers, other(name, strings.Fields(command)))
		return nil
	})
	flag.Parse()
	which, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	if flag.NArg() > 0 {
		return fmt.Errorf("%q: expected flags only", flag.Arg(0))
	}
	if b.quick {
		b.rounds = 1
	}
	if !*report {
		if err := b.record(ctx, which, *only == ""); err != nil {
			return err
		}
	}
	return writeReport()
}
