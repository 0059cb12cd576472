//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// stream is a process of this program that keeps a broker busy: in this one it
// would be in the way of the measurement.
type stream struct {
	*exec.Cmd
	in  io.Closer
	out *bufio.Reader
}

func startStream(address string, rate float64) (*stream, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &stream{Cmd: exec.Command(self, "-stream", address, "-rate", fmt.Sprint(rate))}
	s.Stderr = os.Stderr
	s.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := s.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.in, s.out = in, bufio.NewReader(out)
	if err := s.Start(); err != nil {
		return nil, err
	}
	var ready string
	_, err = fmt.Fscan(s.out, &ready)
	return s, err
}

// end gives how many messages per second there were.
func (s *stream) end() (rate float64, err error) {
	s.in.Close()
	_, err = fmt.Fscan(s.out, &rate)
	return rate, err
}

func (s *stream) kill() {
	s.Process.Kill()
	s.Wait()
}

// streamTo is the other side of startStream. Each publisher waits for each PUBACK.
func streamTo(address string, rate float64) error {
	var t traffic
	defer t.close()
	if err := sessions(address, clients); err != nil {
		return err
	}
	if err := t.resume(address, clients); err != nil {
		return err
	}
	if err := t.open(address, 1, 1); err != nil {
		return err
	}
	if rate > 0 {
		for _, p := range t.publishers {
			p.every, p.due = time.Duration(clients/rate*float64(time.Second)), time.Now()
		}
	}
	const warm = time.Second
	if _, err := t.publish(math.MaxInt, warm); err != nil {
		return err
	}
	fmt.Println("ready")
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	begin, n := time.Now(), 0
	for {
		select {
		case <-ended:
			fmt.Println(float64(n) / time.Since(begin).Seconds())
			return nil
		default:
		}
		k, err := t.publish(math.MaxInt, 200*time.Millisecond)
		if err != nil {
			return err
		}
		n += k
	}
}
