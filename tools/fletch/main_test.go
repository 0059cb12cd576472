package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the program under test.
func TestMain(m *testing.M) {
	if os.Getenv("FLETCH_TEST_AS_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func fletch(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "FLETCH_TEST_AS_PROGRAM=1", "GORACE=atexit_sleep_ms=0")
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// result is what a program has said until its end.
type result struct {
	out, err string
	status   int
}

func run(t *testing.T, args ...string) result {
	t.Helper()
	cmd := fletch(t, args...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return result{out.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// serving is a broker, the line it says where, and what it says on.
func serving(t *testing.T, listen string, args ...string) (cmd *exec.Cmd, where string, rest *bufio.Reader) {
	t.Helper()
	cmd = fletch(t, append([]string{"serve", "--listen", listen}, args...)...)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	rest = bufio.NewReader(pipe)
	line, err := rest.ReadString('\n')
	where, ok := strings.CutPrefix(strings.TrimSpace(line), "fletch listens on ")
	if err != nil || !ok {
		t.Fatalf("serve says %q: %v", line, err)
	}
	return cmd, where, rest
}

// The commands that serve says to try work as they stand there, and a signal ends
// all of it in order.
func TestFirstMinute(t *testing.T) {
	broker, where, rest := serving(t, "127.0.0.1:0")
	_, port, err := net.SplitHostPort(where)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for line := ""; !strings.Contains(line, "Ctrl-C"); {
		if line, err = rest.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		said = append(said, strings.TrimSpace(line))
	}
	for _, command := range []string{
		"fletch sub -p " + port + " -v -t 'hello/#'", "fletch pub -p " + port + " -t hello/world -m hi",
		"mosquitto_sub -p " + port + " -v -t 'hello/#'", "mosquitto_pub -p " + port + " -t hello/world -m hi",
	} {
		if !strings.Contains(strings.Join(said, "\n"), command) {
			t.Errorf("serve does not say to try %s:\n%s", command, strings.Join(said, "\n"))
		}
	}

	if r := run(t, "pub", "-p", port, "-r", "-q", "1", "-t", "hello/world", "-m", "hi"); r != (result{}) {
		t.Errorf("pub: %+v", r)
	}
	if r := run(t, "sub", "-p", port, "-C", "1", "-v", "-t", "hello/#"); r != (result{out: "hello/world hi\n"}) {
		t.Errorf("sub: %+v", r)
	}
	if r := run(t, "sub", "-p", port, "-W", "1", "-t", "nothing"); r != (result{"", "fletch: timed out\n", 27}) {
		t.Errorf("sub that times out: %+v", r)
	}
	broker.Process.Signal(syscall.SIGTERM)
	io.Copy(io.Discard, rest)
	if err := broker.Wait(); err != nil {
		t.Errorf("serve after SIGTERM: %v", err)
	}
}

// Who has not started a broker is told so. Nobody is given port 1 unasked.
func TestPubWithoutBroker(t *testing.T) {
	if r := run(t, "pub", "-p", "1", "-t", "a", "-m", "b"); r.status != 1 || !strings.Contains(r.err, "no broker at localhost:1") {
		t.Errorf("got %+v", r)
	}
}

func TestServeOnUnixSocket(t *testing.T) {
	socket := t.TempDir() + "/s"
	if err := leaveSocket(socket); err != nil { // of a broker that was killed
		t.Fatal(err)
	}
	serving(t, "unix://"+socket)
	if r := run(t, "pub", "--unix", socket, "-q", "2", "-V", "5", "-t", "a", "-m", "b"); r != (result{}) {
		t.Errorf("pub: %+v", r)
	}
	r := run(t, "serve", "--listen", "unix://"+socket)
	if r.status != 1 || !strings.HasPrefix(r.err, "fletch: --listen unix://"+socket+" is in use: ") {
		t.Errorf("a second broker: %+v", r)
	}
}

func leaveSocket(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}

func TestPortInUse(t *testing.T) {
	_, where, _ := serving(t, "127.0.0.1:0")
	r := run(t, "serve", "--listen", "127.0.0.1:0", "--listen", where)
	want := "fletch: --listen " + where + " is in use: stop the program that listens there, or choose another address\n"
	if r != (result{"", want, 1}) {
		t.Errorf("got %+v, want status 1 and %s", r, want)
	}
}

// What is wrong, and what was expected, in one line.
func TestMistakes(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"", "expected one of"},
		{"srve", "did you mean \"serve\"? (fletch --help"},
		{"sub", "fletch sub -t FILTER"},
		{"pub -t a", "fletch pub -t TOPIC -m MESSAGE"},
		{"pub -t a/# -m x", "expected a topic name"},
		{"sub -t a#", "expected a topic filter"},
		{"pub -t a -m x -q 3", "expected a QoS of 0, 1 or 2"},
		{"pub -t a -m x -V 4", "mqttv311"},
		{"pub -t a -m x --will-payload x", "expected --will-topic"},
		{"pub -t a -m x -h mqtts://x", "-h mqtts://x: expected a host"},
		{"pub -t a -m x -L mqtt://x -p 1", "-L: expected no -h, -p or --unix"},
		{"pub -t a -m x -L mqtt://x --insecure", "expected -h, or -L with mqtts:// or wss://"},
		{"pub -t a -m x -L http://x", "unknown scheme \"http\""},
		{"pub -t a -m x --cafile none", "--cafile: open none"},
		{"pub -t a -m x --cert none", "--cert and --key must be used together"},
		{"pub -t a -m x --bogus", "unknown flag --bogus (fletch pub --help"},
		{"serve --listen mqtt://x", "expected host:port, tcp://host:port, tls://"},
		{"serve --listen tls://127.0.0.1:0", "expected --tls-cert and --tls-key"},
		{"serve --tls-cert x", "--tls-key"},
		{"serve --listen wss://127.0.0.1:0 --tls-cert none --tls-key none", "none does not exist"},
		{"serve --listen 127.0.0.1:0 --tls-client-ca x", "no --listen uses TLS: expected one with tls://"},
		{"serve --proxy-protocol-from x", "--proxy-protocol-from: x: expected addresses as 192.0.2.0/24"},
		{"serve --log-level loud", `"debug","info","warn","error"`},
		{"serve --listen 127.0.0.1:99999", "port 99999: expected 0 to 65535"},
		{"serve --maximum-packet-size 3", "--maximum-packet-size is 3: expected 64 to 268435455, or 0 for 1048576"},
		{"serve --connect-rate=-1", "--connect-rate is -1: expected 1 to 1000000, or 0 for no limit"},
		{"serve --write-timeout 10", "--write-timeout: expected duration"},
		{"serve --without qos3", `"retained-messages"`},
		{"serve --listen nowhere", "expected host:port, tcp://host:port, tls://"},
	} {
		r := run(t, strings.Fields(test.args)...)
		if r.status != 1 || r.out != "" || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, test.want) {
			t.Errorf("fletch %s: got %+v, want one line with %q and status 1", test.args, r, test.want)
		}
	}
}

func TestHelpIsNotTheHost(t *testing.T) {
	if r := run(t, "--help"); r.status != 0 || !strings.Contains(r.out, "serve") {
		t.Errorf("--help: %+v", r)
	}
	if r := run(t, "pub", "--help"); r.status != 0 || !strings.Contains(r.out, "-h, --host=HOST") {
		t.Errorf("pub --help: %+v", r)
	}
}
