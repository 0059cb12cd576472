//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// broker is a broker to be measured.
type broker struct {
	name string

	// command is how it is started: where it listens, and a directory of its own.
	command func(address, dir string) ([]string, error)
}

// patience is how long a client waits for anything.
const patience = 10 * time.Minute

// limits of Fletch are out of the way of what is measured.
var limits = []string{
	"--maximum-sessions", "4000000", "--maximum-subscriptions-total", "4000000",
	"--maximum-queued-messages", "4000000", "--maximum-queued-bytes", "1000000000", "--maximum-queued-total", "4000000000",
	"--maximum-retained-messages", "4000000", "--maximum-retained-bytes", "2000000000",
}

// available is what can be measured of only, or of all, and says what cannot.
func available(fletch string, only []string) (all []broker, err error) {
	help, err := exec.Command(fletch, "serve", "--help").Output()
	if err != nil {
		return nil, fmt.Errorf("%s serve --help: %w", fletch, err)
	}
	all = []broker{{"memory", fletchAt(fletch)}}
	if strings.Contains(string(help), "--durability") {
		for _, level := range []string{"written", "fsync"} {
			all = append(all, broker{level, fletchAt(fletch, "--durability", level)})
		}
	} else {
		fmt.Fprintln(os.Stderr, "durable: fletch serve has no --durability: written and fsync are skipped")
	}
	if program, err := exec.LookPath("mosquitto"); err == nil {
		all = append(all, broker{"mosquitto", mosquitto(program)})
	} else {
		fmt.Fprintln(os.Stderr, "durable: mosquitto is not installed, and is skipped")
	}
	return slices.DeleteFunc(all, func(one broker) bool { return len(only) > 0 && !slices.Contains(only, one.name) }), nil
}

func fletchAt(program string, durability ...string) func(address, dir string) ([]string, error) {
	return func(address, dir string) ([]string, error) {
		args := append([]string{program, "serve", "--listen", address, "--log-level", "error", "--sys-interval", "-1s"}, limits...)
		if len(durability) > 0 {
			args = append(append(args, durability...), "--data", filepath.Join(dir, "store"))
		}
		return args, nil
	}
}

// mosquitto saves all it has whenever something has changed: the nearest there is,
// although its acknowledgements do not wait for that.
func mosquitto(program string) func(address, dir string) ([]string, error) {
	const config = `user root
listener %s 127.0.0.1
allow_anonymous true
log_dest none
persistence true
persistence_location %s/
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
max_inflight_messages 1024
set_tcp_nodelay true
`
	return func(address, dir string) ([]string, error) {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(dir, "mosquitto.conf")
		return []string{program, "-c", file}, os.WriteFile(file, fmt.Appendf(nil, config, port, dir), 0o600)
	}
}

// called is the broker of that name, if it can be measured.
func (b *bench) called(name string) (broker, bool) {
	for _, one := range b.brokers {
		if one.name == name {
			return one, true
		}
	}
	return broker{}, false
}

// process is a broker that runs.
type process struct {
	*exec.Cmd
	address string
	dir     string
	ended   chan struct{}
	log     bytes.Buffer // to be read when it has ended
}

// start runs one with a directory of its own, and returns when it answers.
func (b *bench) start(one broker) (*process, error) {
	dir, err := os.MkdirTemp(b.dir, one.name+"-")
	if err != nil {
		return nil, err
	}
	return startIn(one, dir)
}

func startIn(one broker, dir string) (*process, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	command, err := one.command(address, dir)
	if err != nil {
		return nil, err
	}
	p := &process{Cmd: exec.Command(command[0], command[1:]...), address: address, dir: dir, ended: make(chan struct{})}
	p.Stderr = &p.log
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.Wait()
		close(p.ended)
	}()
	if err := p.answers(); err != nil {
		p.kill()
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, &p.log)
	}
	return p, nil
}

// answers waits for the first CONNACK.
func (p *process) answers() error {
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(time.Millisecond) {
		select {
		case <-p.ended:
			return errors.New("it has ended")
		default:
		}
		if c, err := connect(p.address, passing("first")); err == nil {
			return c.Close()
		}
	}
	return errors.New("it does not answer")
}

// kill ends it, and what it wrote stays.
func (p *process) kill() {
	p.Process.Kill()
	<-p.ended
	for line := range bytes.Lines(p.log.Bytes()) {
		if bytes.HasPrefix(line, []byte("time=")) { // the others welcome
			os.Stderr.Write(line)
		}
	}
}

// end ends it and removes what it wrote.
func (p *process) end() {
	p.kill()
	os.RemoveAll(p.dir)
}

// freeAddress is one below the ports that the system gives to whoever does not
// name one, so that no connection takes it before the broker does.
func freeAddress() (string, error) {
	const first, ports = 20_000, 10_000
	for i := range ports {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(first+(os.Getpid()+i)%ports))
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("no port is free")
}
