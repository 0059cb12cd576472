package interop

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	// What fletch is made of: go test must not take a result from before a change
	// there out of its cache.
	_ "github.com/fletchmq/fletch/broker"
	_ "github.com/fletchmq/fletch/broker/listener"
	_ "github.com/fletchmq/fletch/client"
)

// patience bounds everything here that is expected to happen: a script takes ten seconds,
// and a busy system a multiple of that.
const patience = time.Minute

var (
	fletch   string // the program under test
	versions = []string{"mqttv31", "mqttv311", "mqttv5"}
)

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	fletch = filepath.Join(dir, "fletch")
	out, err := exec.Command("go", "build", "-o", fletch, "github.com/fletchmq/fletch/tools/fletch").CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
		return 1
	}
	// Most of what these tests do is wait, for others or until time has passed.
	if err := flag.Set("test.parallel", "6"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := writeCertificates(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// need is the program of a peer. Debian has mosquitto where no PATH looks.
func need(t *testing.T, program string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	missing(t, program)
	return ""
}

func missing(t *testing.T, what string) {
	t.Helper()
	text := what + " is not installed: run tools/interop/install.sh"
	if os.Getenv("CI") == "true" {
		t.Fatal(text)
	}
	t.Skip(text)
}

// program is one that runs beside the test, and what it says.
type program struct {
	cmd  *exec.Cmd
	out  *os.File
	said *bufio.Scanner
}

// start runs a program until the end of the test, or of its own.
func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	cmd := exec.Command(name, args...)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.SetReadDeadline(time.Now().Add(patience))
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		out.Close()
	})
	said := bufio.NewScanner(out)
	said.Buffer(nil, 1<<20)
	return &program{cmd, out, said}
}

// until reads what the program says up to a line with all of these in it.
func (p *program) until(t *testing.T, parts ...string) string {
	t.Helper()
	lines := p.through(t, parts...)
	return lines[len(lines)-1]
}

// through is until, and all lines up to that one.
func (p *program) through(t *testing.T, parts ...string) (lines []string) {
	t.Helper()
	for p.said.Scan() {
		line := p.said.Text()
		lines = append(lines, line)
		if containsAll(line, parts) {
			return lines
		}
	}
	t.Fatalf("%s has not said %q, but\n%s", p.cmd, parts, strings.Join(lines, "\n"))
	return nil
}

func containsAll(line string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(line, part) {
			return false
		}
	}
	return true
}

// data is all that the program prints until its end in lines that begin with
// prefix, without it.
func (p *program) data(prefix string) (lines []string) {
	for p.said.Scan() {
		if line, ok := strings.CutPrefix(p.said.Text(), prefix); ok {
			lines = append(lines, line)
		}
	}
	return lines
}

// kill ends the program without a chance to say goodbye.
func (p *program) kill() { p.cmd.Process.Kill() }

// result is what a program that has ended has printed, and how it ended.
type result struct {
	out, err string
	status   int
}

func run(t *testing.T, name string, args ...string) result {
	t.Helper()
	cmd := exec.Command(name, args...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	timer := time.AfterFunc(patience, func() { cmd.Process.Signal(syscall.SIGQUIT) })
	defer timer.Stop()
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// reads is that the result depends on the files of a folder, which only other
// programs read. go test sees what is opened here.
func reads(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.ReadDir(dir); err != nil {
		t.Fatal(err)
	}
}

// do is run for what has to succeed and print nothing.
func do(t *testing.T, name string, args ...string) {
	t.Helper()
	if r := run(t, name, args...); r != (result{}) {
		t.Fatalf("%s %q: %+v", name, args, r)
	}
}

// script runs the test of another language, which says what is wrong and then
// fails.
func script(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", filepath.Base(name), args[0], err, out)
	}
}
