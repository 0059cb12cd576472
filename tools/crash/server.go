package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// server is the broker as a process, killed with SIGKILL.
type server struct {
	command []string
	address string
	log     *os.File
	cmd     *exec.Cmd
	started time.Time
	exited  chan struct{} // closed when the process has
}

// newServer puts what the broker stores into dir. PORT and DATA in command
// become where it is to listen and to store.
func newServer(dir string, log *os.File, command []string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	s := &server{address: net.JoinHostPort("127.0.0.1", fmt.Sprint(port)), log: log}
	with := strings.NewReplacer("PORT", fmt.Sprint(port), "DATA", data)
	for _, arg := range command {
		s.command = append(s.command, with.Replace(arg))
	}
	return s, nil
}

// freePort is below those that the system gives to whoever does not name one: nobody
// takes it between two lives of the broker.
func freePort() (int, error) {
	const first, ports = 10_000, 10_000
	for i := range ports {
		port := first + (os.Getpid()+i)%ports
		if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			l.Close()
			return port, nil
		}
	}
	return 0, errors.New("no port is free")
}

func (s *server) start() error {
	s.cmd = exec.Command(s.command[0], s.command[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.started = time.Now()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	cmd, exited := s.cmd, make(chan struct{})
	s.exited = exited
	go func() {
		cmd.Wait()
		close(exited)
	}()
	return nil
}

// kill is SIGKILL, and waits for the end.
func (s *server) kill() {
	if s.cmd != nil {
		s.cmd.Process.Kill()
		<-s.exited
	}
}

// end is SIGTERM. A broker that has been asked to end says nothing but that it has.
func (s *server) end() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return s.endedByItself()
	}
	select {
	case <-s.exited:
	case <-time.After(patience):
		return fmt.Errorf("the broker does not end within %v, see %s", patience, s.log.Name())
	}
	if !s.cmd.ProcessState.Success() {
		return fmt.Errorf("the broker was asked to end: %v, see %s", s.cmd.ProcessState, s.log.Name())
	}
	return nil
}

func (s *server) dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", s.address)
}

func (s *server) ended() <-chan struct{} { return s.exited }

func (s *server) endedByItself() error {
	return fmt.Errorf("the broker has ended by itself: %v, see %s", s.cmd.ProcessState, s.log.Name())
}

func (s *server) up(ctx context.Context) (time.Duration, error) {
	deadline := time.After(patience)
	for {
		if accepts(s.address) {
			return time.Since(s.started), nil
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-s.exited:
			return 0, s.endedByItself()
		case <-deadline:
			return 0, fmt.Errorf("the broker has accepted nobody within %v, see %s", patience, s.log.Name())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// accepts reports whether the broker there sends a CONNACK.
func accepts(address string) bool {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	connect := packets.Connect{ClientID: []byte("first"), CleanStart: true}
	if _, err := nc.Write(connect.AppendTo(nil, packets.V5)); err != nil {
		return false
	}
	in := frame.NewReader(nc)
	in.From, in.Version = packets.Server, packets.V5
	first, body, err := in.Next()
	var connack packets.Connack
	return err == nil && connack.Decode(first, body, packets.V5) == nil && connack.Reason == packets.Success
}
