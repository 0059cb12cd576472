package interop

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds everything here that is expected to happen.
const patience = 20 * time.Second

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

// broker is a running broker to be tried, and its port on 127.0.0.1.
type broker struct{ name, port string }

// brokers runs a test against Fletch, and against Mosquitto to see that what it
// expects is not only so here.
func brokers(t *testing.T, test func(t *testing.T, b broker)) {
	t.Run("broker=fletch", func(t *testing.T) { test(t, startFletch(t)) })
	t.Run("broker=mosquitto", func(t *testing.T) { test(t, startMosquitto(t, "allow_anonymous true")) })
}

func startFletch(t *testing.T, args ...string) broker {
	t.Helper()
	b := start(t, fletch, append([]string{"serve", "--listen", "127.0.0.1:0", "--log-level", "error"}, args...)...)
	line := b.until(t, "fletch listens on ")
	_, port, err := net.SplitHostPort(strings.TrimPrefix(line, "fletch listens on "))
	if err != nil {
		t.Fatal(err)
	}
	return broker{"fletch", port}
}

func startMosquitto(t *testing.T, config ...string) broker {
	t.Helper()
	program := need(t, "mosquitto")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close() // Mosquitto cannot be told to choose one
	file := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\n%s\n", port, strings.Join(config, "\n"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, program, "-c", file).until(t, "mosquitto version", "running")
	return broker{"mosquitto", port}
}

// program is one that runs beside the test, and what it says.
type program struct {
	cmd  *exec.Cmd
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
	return &program{cmd, said}
}

// until reads what the program says up to a line with all of these in it.
func (p *program) until(t *testing.T, parts ...string) string {
	t.Helper()
	var said []string
	for p.said.Scan() {
		line := p.said.Text()
		said = append(said, line)
		if containsAll(line, parts) {
			return line
		}
	}
	t.Fatalf("%s has not said %q, but\n%s", p.cmd, parts, strings.Join(said, "\n"))
	return ""
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
		t.Errorf("%s: %v\n%s", filepath.Base(args[0]), err, out)
	}
}
