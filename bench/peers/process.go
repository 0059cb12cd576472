//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// patience is how long a broker may take to answer when it is started.
const patience = 20 * time.Second

// process is a broker that runs.
type process struct {
	*exec.Cmd
	port  int
	dir   string
	ended chan struct{}
	said  bytes.Buffer // to be read when it has ended
}

// start returns when the broker answers. more are arguments to add.
func start(ctx context.Context, b broker, more []string) (*process, error) {
	dir, err := os.MkdirTemp("", "peers-")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir, ended: make(chan struct{})}
	if err = p.run(b, more); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := p.answers(ctx); err != nil {
		p.end()
		return nil, fmt.Errorf("start: %w %s", err, lastLine(p.said.String()))
	}
	return p, nil
}

func (p *process) run(b broker, more []string) (err error) {
	if p.port, err = freePort(); err != nil {
		return err
	}
	command, err := b.command(p.port, p.dir)
	if err != nil {
		return err
	}
	p.Cmd = exec.Command(command[0], append(command[1:], more...)...)
	p.Stdout, p.Stderr = &p.said, &p.said
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		return err
	}
	go func() {
		p.Wait()
		close(p.ended)
	}()
	return nil
}

// answers waits for the first CONNACK.
func (p *process) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := connect(p.port)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("it has ended: %v", p.ProcessState)
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func connect(port int) error {
	c, err := net.Dial("tcp", at(port))
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	hello := packets.Connect{ClientID: []byte("first"), CleanStart: true}
	if _, err := c.Write(hello.AppendTo(nil, packets.V311)); err != nil {
		return err
	}
	const connack = 4
	answer := make([]byte, connack)
	if _, err := io.ReadFull(c, answer); err != nil {
		return err
	}
	if answer[connack-1] != 0 {
		return fmt.Errorf("it refuses a client with return code %d", answer[connack-1])
	}
	return nil
}

// over is an error if the broker has ended on its own.
func (p *process) over() error {
	select {
	case <-p.ended:
		return fmt.Errorf("the broker has ended: %v %s", p.ProcessState, lastLine(p.said.String()))
	default:
		return nil
	}
}

// end ends the broker and removes what it wrote.
func (p *process) end() {
	p.Process.Kill()
	<-p.ended
	os.RemoveAll(p.dir)
}

// lastLine is that of what is not empty.
func lastLine(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(lines[i]); line != "" {
			return line
		}
	}
	return ""
}

// freePort is one below the ports that the system gives to whoever does not name
// one, so that no connection takes it before the broker does.
func freePort() (int, error) {
	const first, ports = 20_000, 10_000
	for i := range ports {
		port := first + (os.Getpid()+i)%ports
		if l, err := net.Listen("tcp", at(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no port is free")
}
