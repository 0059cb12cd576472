package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"
)

// print is for people.
func (v *verdict) print(w io.Writer) {
	for _, b := range v.added {
		fmt.Fprintln(w, "new, not judged:", b)
	}
	for _, b := range v.removed {
		fmt.Fprintln(w, "gone, not judged:", b)
	}
	if len(v.faults) == 0 {
		fmt.Fprintf(w, "%d benchmarks, nothing is worse\n", v.judged)
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "worse\tunit\tbefore\tafter\tchange\tallowed")
	for _, f := range v.faults {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", f.what, f.unit, f.format(f.before), f.format(f.after), f.change(), f.format(f.most))
	}
	t.Flush()
}

func (f *fault) format(value float64) string {
	switch f.unit {
	case "":
		return fmt.Sprintf("%.2f", value)
	case allocations:
		return fmt.Sprint(value)
	}
	return benchunit.Scale(value, benchunit.ClassOf(f.unit))
}

func (f *fault) change() string {
	if f.unit == allocations {
		return fmt.Sprintf("%+g", f.after-f.before)
	}
	return fmt.Sprintf("%+.0f %%", 100*(f.after/f.before-1))
}

// pattern is the -test.bench of the suspects.
func (v *verdict) pattern() string {
	var all []string
	for _, b := range v.suspects {
		base, parts := benchfmt.Name(b.name).Parts()
		levels := []string{"^Benchmark" + regexp.QuoteMeta(string(base)) + "$"}
		for _, p := range parts {
			if level, ok := strings.CutPrefix(string(p), "/"); ok { // or it is GOMAXPROCS
				levels = append(levels, "^"+regexp.QuoteMeta(level)+"$")
			}
		}
		if p := strings.Join(levels, "/"); !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return strings.Join(all, "|")
}
