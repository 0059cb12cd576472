// Command benchgate says whether benchmarks have become worse:
//
//	benchgate [-suspects] OLD NEW
//
// OLD and NEW are files of Go benchmark results, of runs that took turns on one
// machine. What is worse is printed, and the status is 1. It is
//
//   - more allocations for each operation, be it one,
//   - a time that is more than 25 % longer,
//   - times of a package that are more than 10 % longer in the geometric mean,
//
// as far as a Mann-Whitney U test says, with p below 0.05, that it is no accident: a
// time that has not changed for certain counts as unchanged in the mean. The time is
// that of the processors, cpu-ns/op, or ns/op of a benchmark that does not report it.
// Benchmarks that only one of the files has are named, and not judged.
//
// With -suspects all that is printed is the -test.bench of the benchmarks that look
// worse, and the status is 0: they may deserve more runs. It is empty without any.
//
// The status is 2 if a file cannot be read, or does not say enough: no U test finds
// anything in less than 4 runs of each.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) (status int) {
	flags := flag.NewFlagSet("benchgate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	suspects := flags.Bool("suspects", false, "print what should be run again, as a pattern")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() != 2 {
		fmt.Fprintf(stderr, "benchgate: %d files, want 2: those of before and after\n", flags.NArg())
		return 2
	}
	v, err := compare(flags.Arg(0), flags.Arg(1))
	switch {
	case err != nil:
		fmt.Fprintln(stderr, "benchgate:", err)
		return 2
	case *suspects:
		fmt.Fprintln(stdout, v.pattern())
		return 0
	}
	v.print(stdout)
	return min(len(v.faults), 1)
}

// compare judges two files.
func compare(before, after string) (*verdict, error) {
	a, err := read(before)
	if err != nil {
		return nil, err
	}
	b, err := read(after)
	if err != nil {
		return nil, err
	}
	return judge(a, b)
}
