//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// broker is a Fletch that runs.
type broker struct {
	*exec.Cmd
	address string
	ended   chan struct{}
	log     bytes.Buffer // to be read when it has ended
}

// start runs program, and returns when it answers. A publisher that is faster than
// its subscribers waits for them, so that there is no loss but that of a client.
func start(program string) (*broker, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	b := &broker{address: address, ended: make(chan struct{})}
	b.Cmd = exec.Command(program, "serve", "--listen", address, "--log-level", "error", "--sys-interval", "-1s",
		"--overflow", "push-back", "--push-back-timeout", "1m")
	b.Stdout, b.Stderr = &b.log, &b.log
	b.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := b.Start(); err != nil {
		return nil, err
	}
	go func() {
		b.Wait()
		close(b.ended)
	}()
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(time.Millisecond) {
		if w, err := subscribed(address, packets.V311, ready); err == nil {
			return b, w.Close()
		}
	}
	b.end()
	return nil, fmt.Errorf("%s does not answer\n%s", b.Cmd, &b.log)
}

// over is an error if the broker, where there is one, has ended on its own.
func (b *broker) over() error {
	if b == nil {
		return nil
	}
	select {
	case <-b.ended:
		return fmt.Errorf("%s has ended\n%s", b.Cmd, &b.log)
	default:
		return nil
	}
}

func (b *broker) end() {
	b.Process.Kill()
	<-b.ended
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

// give has a worker do t with the broker, or the sink, at address.
func (t task) give(address string) (r result, err error) {
	t.Address = address
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	asked, err := json.Marshal(t)
	if err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.Warm+t.Time+4*patience)
	defer cancel()
	worker := exec.CommandContext(ctx, self, "-worker", string(asked))
	worker.Stderr = os.Stderr
	worker.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := worker.Output()
	if err != nil {
		return r, fmt.Errorf("worker: %w", errors.Join(err, context.Cause(ctx)))
	}
	return r, json.Unmarshal(out, &r)
}
