package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestMain is the program itself where a test runs that.
func TestMain(m *testing.M) {
	if os.Getenv("BENCHGATE_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// benchgate runs the program.
func benchgate(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), "BENCHGATE_MAIN=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// measured is what one benchmark of a package takes, more or less.
type measured struct {
	ns     float64
	allocs int
}

// side writes the results of so many runs, whose times differ by up to noise and on
// the clock by a lot.
func side(t *testing.T, seed uint64, n int, noise float64, all map[string]measured) string {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	for range n {
		b.WriteString("goos: linux\npkg: example.org/p\n")
		for _, name := range slices.Sorted(maps.Keys(all)) {
			m := all[name]
			cpu := m.ns * (1 + noise*(2*random.Float64()-1))
			fmt.Fprintf(&b, "Benchmark%s 1000 %.2f ns/op %.2f cpu-ns/op 64 B/op %d allocs/op\n", name, cpu*(1+5*random.Float64()), cpu, m.allocs)
		}
		b.WriteString("PASS\n")
	}
	path := filepath.Join(t.TempDir(), "results.txt")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// ten is ten benchmarks, each slower by that factor.
func ten(factor float64) map[string]measured {
	all := make(map[string]measured)
	for i := range 10 {
		all[fmt.Sprintf("Ten/n=%d", i)] = measured{float64(10+100*i) * factor, i}
	}
	return all
}

// with is ten(1) but for one benchmark.
func with(name string, m measured) map[string]measured {
	all := ten(1)
	all[name] = m
	return all
}

func TestGate(t *testing.T) {
	for _, c := range []struct {
		name   string
		after  map[string]measured
		noise  float64
		status int
		prints string // a regular expression
	}{
		{"the same", ten(1), 0.05, 0, `^10 benchmarks, nothing is worse\n$`},
		{"faster", ten(0.5), 0.05, 0, `nothing is worse`},
		{"one allocation more", with("Ten/n=0", measured{10, 1}), 0.05, 1, `p Ten/n=0 +allocs/op +0 +1 +\+1 +0\n$`},
		{"fewer allocations", with("Ten/n=9", measured{910, 8}), 0.05, 0, `nothing is worse`},
		{"one slower by half", with("Ten/n=3", measured{310 * 1.5, 3}), 0.05, 1, `p Ten/n=3 +cpu-sec/op +3\d\d\.\dn +4\d\d\.\dn +\+\d\d % +3\d\d\.\dn\n$`},
		{"one slower by a fifth", with("Ten/n=3", measured{310 * 1.2, 3}), 0.05, 0, `nothing is worse`},
		{"all slower by a fifth", ten(1.2), 0.05, 1, `p geomean of 10 +1\.00 +1\.[12]\d +\+\d\d % +1\.10\n$`},
		{"all slower by a twentieth", ten(1.05), 0.02, 0, `nothing is worse`},
		{"a new one", with("New", measured{1, 1}), 0.05, 0, `^new, not judged: example.org/p New\n10 benchmarks`},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, out, errs := benchgate(t, side(t, 1, 10, c.noise, ten(1)), side(t, 2, 10, c.noise, c.after))
			if status != c.status || errs != "" || !regexp.MustCompile(c.prints).MatchString(out) {
				t.Errorf("status %d, want %d, and %q in\n%s%s", status, c.status, c.prints, out, errs)
			}
		})
	}
	before := side(t, 1, 10, 0, with("Old", measured{1, 1}))
	if status, out, _ := benchgate(t, before, side(t, 2, 10, 0, ten(1))); status != 0 || !strings.HasPrefix(out, "gone, not judged: example.org/p Old\n") {
		t.Errorf("without one: status %d\n%s", status, out)
	}
}

// Times that differ by more than is allowed, but by chance.
func TestNoise(t *testing.T) {
	wrong, means := 0, 0
	const times = 200
	for i := range uint64(times) {
		a, err := read(side(t, 2*i, 10, 0.5, ten(1)))
		if err != nil {
			t.Fatal(err)
		}
		b, err := read(side(t, 2*i+1, 10, 0.5, ten(1)))
		if err != nil {
			t.Fatal(err)
		}
		v, err := judge(a, b)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range v.faults {
			if f.unit == "" {
				means++
			} else {
				wrong++
			}
		}
	}
	if most := times * 2 / 100; means > most {
		t.Errorf("the mean is worse %d times of %d, though all is the same", means, times)
	}
	if most := times * 10 * 5 / 100; wrong > most { // p < 0.05
		t.Errorf("%d of %d benchmarks are worse, though all are the same", wrong, times*10)
	}
}

func TestSuspects(t *testing.T) {
	before := side(t, 1, 10, 0.05, ten(1))
	for _, c := range []struct {
		name  string
		after map[string]measured
		want  string
	}{
		{"none", ten(1), "\n"},
		{"one", with("Ten/n=3", measured{600, 3}), "^BenchmarkTen$/^n=3$\n"},
	} {
		if status, out, _ := benchgate(t, "-suspects", before, side(t, 2, 10, 0.05, c.after)); status != 0 || out != c.want {
			t.Errorf("%s: status %d, %q, want %q", c.name, status, out, c.want)
		}
	}
	_, out, _ := benchgate(t, "-suspects", before, side(t, 2, 10, 0.05, ten(1.2)))
	if n := strings.Count(out, "|"); n != 9 {
		t.Errorf("%d of 10 benchmarks whose mean is worse: %s", n+1, out)
	}
}

// The pattern finds the benchmark that it was made for, whatever is in the name.
func TestPattern(t *testing.T) {
	v := verdict{suspects: []benchmark{{"p", "Match/filter=a|+|#-2"}, {"p", "Plain-16"}, {"q", "Plain"}}}
	if got, want := v.pattern(), `^BenchmarkMatch$/^filter=a\|\+\|#$|^BenchmarkPlain$`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// The time on the clock counts where there is no other.
func TestClock(t *testing.T) {
	file := func(ns int) string {
		path := filepath.Join(t.TempDir(), "results.txt")
		text := strings.Repeat(fmt.Sprintf("BenchmarkX 1 %d ns/op\n", ns), 5)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if status, out, _ := benchgate(t, file(100), file(130)); status != 1 || !strings.Contains(out, "X      sec/op  100.0n  130.0n  +30 %   125.0n") {
		t.Errorf("status %d\n%s", status, out)
	}
}

func TestTroubles(t *testing.T) {
	good := side(t, 1, 10, 0, ten(1))
	empty := filepath.Join(t.TempDir(), "empty.txt")
	if err := os.WriteFile(empty, []byte("PASS\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken.txt")
	if err := os.WriteFile(broken, []byte("BenchmarkX 1000 12 ns/op 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{good}, "1 files, want 2"},
		{[]string{good, "nowhere.txt"}, "nowhere.txt"},
		{[]string{empty, good}, "empty.txt has no benchmark results"},
		{[]string{good, broken}, "broken.txt:1"},
		{[]string{good, side(t, 1, 3, 0, ten(1))}, "example.org/p Ten/n=0: 3 runs with allocs/op, want at least 4 before and after"},
		{[]string{"-x"}, "not defined: -x"},
	} {
		if status, _, errs := benchgate(t, c.args...); status != 2 || !strings.Contains(errs, c.want) {
			t.Errorf("%q: status %d, want 2, and %q in %s", c.args, status, c.want, errs)
		}
	}
}
