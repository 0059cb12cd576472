package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// worker is the process of a job, which is killed and started again.
type worker struct {
	job
	enter  func(event) // into the ledger
	record *record
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process has
}

// killing is one run of workers.
type killing struct {
	*world
	rng     *rand.Rand
	workers []*worker // publishers last: what they record was before what subscribers do
	ctx     context.Context
}

// kill starts workers and kills them so many times, one at a time, at any moment. Then
// it lets them come to an end. An error is a rule that was broken.
func kill(ctx context.Context, w *world, kills int, seed uint64, dir string) (err error) {
	ctx, broke := context.WithCancelCause(ctx)
	defer broke(nil)
	w.ledger = newLedger(broke)
	k := &killing{world: w, rng: rand.New(rand.NewPCG(seed, 0)), ctx: ctx}
	defer func() {
		for _, x := range k.workers {
			x.kill()
		}
	}()
	if err := k.begin(dir); err != nil {
		return err
	}
	for n := range kills {
		if err := k.killOnce(k.workers[k.rng.IntN(len(k.workers))]); err != nil {
			return err
		}
		if n%100 == 99 {
			fmt.Printf("%d kills: %v\n", n+1, k.ledger)
		}
	}
	return k.finish()
}

// begin starts all workers. Publishers wait until subscribers have subscribed.
func (k *killing) begin(dir string) error {
	for _, j := range []job{
		{Name: "subscriber-0", Version: packets.V311, QoS: packets.AtLeastOnce},
		{Name: "subscriber-1", Version: packets.V311, QoS: packets.ExactlyOnce},
		{Name: "subscriber-2", Version: packets.V5, QoS: packets.ExactlyOnce},
		{Name: "publisher-0", Version: packets.V311, Publisher: true},
		{Name: "publisher-1", Version: packets.V5, Publisher: true},
	} {
		j.Dir, j.Address = filepath.Join(dir, j.Name), "mqtt://"+k.proxy.address
		x := &worker{job: j}
		if j.Publisher {
			x.enter = (&publications{ledger: k.ledger, open: map[string]int{}}).enter
		} else {
			x.enter = (&deliveries{ledger: k.ledger, name: j.Name}).enter
		}
		if err := x.open(); err != nil {
			return err
		}
		k.workers = append(k.workers, x)
		if err := x.start(); err != nil {
			return err
		}
		if !j.Publisher {
			if err := k.until(func() bool { return k.ledger.knows(j.Name) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// open makes the directory and the record of a worker.
func (w *worker) open() (err error) {
	if err := os.MkdirAll(w.Dir, 0o700); err != nil {
		return err
	}
	w.record, err = openRecord(filepath.Join(w.Dir, "record"))
	return err
}

func (w *worker) start() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(w.job)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(w.Dir, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd, ended := exec.Command(program, workerCommand, string(text)), make(chan struct{})
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		cmd.Wait()
		close(ended)
	}()
	w.cmd, w.ended = cmd, ended
	return nil
}

// kill is SIGKILL, waits for the end, and records it.
func (w *worker) kill() {
	if w.cmd == nil {
		return
	}
	w.cmd.Process.Kill()
	<-w.ended
	w.cmd = nil
	w.record.add(event{what: killed})
}

// killOnce lets all live for a time, kills one of them, and starts it again.
func (k *killing) killOnce(w *worker) error {
	if err := k.live(time.Duration(k.rng.IntN(1<<(1+k.rng.IntN(10)))) * time.Millisecond); err != nil {
		return err
	}
	w.kill()
	if err := k.live(time.Duration(k.rng.IntN(100)) * time.Millisecond); err != nil {
		return err
	}
	return w.start()
}

// live looks at what is recorded, for that time.
func (k *killing) live(d time.Duration) error {
	t := time.After(d)
	for {
		if err := k.look(); err != nil {
			return err
		}
		select {
		case <-k.ctx.Done():
			return context.Cause(k.ctx)
		case <-t:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// look enters into the ledger what has been recorded. What subscribers have recorded is
// read first: what publishers have before is there then.
func (k *killing) look() error {
	all := make([][]event, len(k.workers))
	for i, w := range k.workers {
		var err error
		if all[i], err = w.record.read(); err != nil {
			return err
		}
		select {
		case <-w.ended:
			if w.cmd != nil {
				return fmt.Errorf("%s has ended by itself: %v, see %s", w.Name, w.cmd.ProcessState, w.Dir)
			}
		default:
		}
	}
	for i := len(k.workers) - 1; i >= 0; i-- {
		for _, e := range all[i] {
			k.workers[i].enter(e)
		}
	}
	return context.Cause(k.ctx)
}

// until waits for something, while something happens.
func (k *killing) until(done func() bool) error {
	for w := newWatch(k.ledger); !done(); {
		if err := k.live(50 * time.Millisecond); err != nil {
			return err
		}
		if err := w.look(k.ctx); err != nil {
			return err
		}
	}
	return nil
}

// finish lets publishers come back with what they have stored, until all has arrived,
// and then all of them end.
func (k *killing) finish() error {
	k.proxy.calm()
	for _, w := range k.workers {
		if w.Publisher {
			w.kill()
			w.Retired = true
			if err := w.start(); err != nil {
				return err
			}
		}
	}
	if err := k.until(func() bool { return !k.ledger.missing() }); err != nil {
		k.ledger.lost()
		return err
	}
	if err := k.live(time.Second); err != nil { // for what must not come
		return err
	}
	for _, w := range k.workers {
		w.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-w.ended:
			if !w.cmd.ProcessState.Success() {
				return fmt.Errorf("%s: %v, see %s", w.Name, w.cmd.ProcessState, w.Dir)
			}
			w.cmd = nil
		case <-time.After(patience):
			return fmt.Errorf("%s does not end", w.Name)
		}
	}
	return k.live(0)
}
