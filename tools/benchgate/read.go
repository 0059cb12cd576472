package main

import (
	"cmp"
	"fmt"
	"os"

	"golang.org/x/perf/benchfmt"
)

// benchmark names one.
type benchmark struct{ pkg, name string }

func (b benchmark) String() string {
	if b.pkg == "" {
		return b.name
	}
	return b.pkg + " " + b.name
}

func compareBenchmarks(a, b benchmark) int {
	return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.name, b.name))
}

// runs are the values of all runs of a benchmark, by unit.
type runs map[string][]float64

// read gives what a file has measured. Units are those of package benchunit: ns/op
// is sec/op.
func read(path string) (map[benchmark]runs, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all := make(map[benchmark]runs)
	in := benchfmt.NewReader(f, path)
	for in.Scan() {
		switch r := in.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, r
		case *benchfmt.Result:
			b := benchmark{r.GetConfig("pkg"), r.Name.String()}
			if all[b] == nil {
				all[b] = make(runs)
			}
			for _, v := range r.Values {
				all[b][v.Unit] = append(all[b][v.Unit], v.Value)
			}
		}
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s has no benchmark results", path)
	}
	return all, nil
}
