package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/broker/store/disk"
)

// machine is the broker within this process, on a disk in memory. To kill it is to cut
// its power: what is left is what it has synced, and a random share of the rest.
type machine struct {
	rng        *rand.Rand
	durability disk.Durability
	log        *os.File
	left       *vfs.MemFS              // of the disk, when the power went last
	power      atomic.Pointer[powered] // the last one; clients read it
	failure    error                   // of one whose power was cut before anybody saw it
}

// powered is a machine from when its power comes until it goes.
type powered struct {
	*machine
	disk    *slowDisk
	started time.Time
	ctx     context.Context // ends after the power
	cut     context.CancelFunc
	serving chan struct{} // closed once address is set
	address string
	gone    chan struct{} // closed once err is set, and nothing runs any more
	err     error

	out   atomic.Bool // the power is
	mu    sync.Mutex
	wires map[*wire]struct{} // none is added once the power is out
}

func newMachine(rng *rand.Rand, log *os.File, durability string) (*machine, error) {
	m := &machine{rng: rng, log: log, left: vfs.NewCrashableMem()}
	switch durability {
	case "written":
		m.durability = disk.Written
	case "", "fsync":
		m.durability = disk.Fsync
	default:
		return nil, fmt.Errorf("-durability %s: expected written or fsync with -power", durability)
	}
	return m, nil
}

func (m *machine) start() error {
	if m.failure != nil {
		return m.failure
	}
	p := &powered{
		machine: m,
		disk:    newSlowDisk(m.left),
		started: time.Now(),
		serving: make(chan struct{}),
		gone:    make(chan struct{}),
		wires:   make(map[*wire]struct{}),
	}
	p.ctx, p.cut = context.WithCancel(context.Background())
	m.power.Store(p)
	go func() {
		defer close(p.gone)
		p.err = p.run()
	}()
	return nil
}

// run is all that the broker does.
func (p *powered) run() (err error) {
	logger := slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	data, err := disk.Open("data", disk.Options{FS: p.disk, Durability: p.durability, Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	b, err := broker.New(broker.Config{Store: data, Logger: logger, MaximumQueuedBytes: queueLimit})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err = errors.Join(err, b.Shutdown(ctx))
	}()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.address = ln.Addr().String()
	close(p.serving)
	return b.Serve(p.ctx, ln)
}

// kill lets clients hear nothing more before it takes what is left of the disk: all
// that they have heard was said before. What the broker does from then on is of no
// consequence.
func (m *machine) kill() {
	p := m.power.Load()
	if p == nil || p.out.Load() {
		return
	}
	p.hush()
	share := 0
	if m.rng.IntN(2) == 0 {
		share = m.rng.IntN(101)
	}
	m.left = p.disk.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: share, RNG: m.rng})
	p.disk.hurry()
	p.cut()
	<-p.gone
	m.failure = p.err
}

// end lets the broker end before it cuts the power.
func (m *machine) end() error {
	p := m.power.Load()
	p.cut()
	<-p.gone
	m.kill()
	if m.failure != nil {
		return fmt.Errorf("the broker was asked to end: %w, see %s", m.failure, m.log.Name())
	}
	return nil
}

func (m *machine) ended() <-chan struct{} { return m.power.Load().gone }

func (m *machine) endedByItself() error {
	return fmt.Errorf("the broker has ended by itself: %w, see %s", m.power.Load().err, m.log.Name())
}

func (m *machine) up(ctx context.Context) (time.Duration, error) {
	p := m.power.Load()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-p.gone:
		return 0, m.endedByItself()
	case <-time.After(patience):
		return 0, fmt.Errorf("the broker does not listen within %v, see %s", patience, m.log.Name())
	case <-p.serving:
	}
	if !accepts(p.address) {
		return 0, fmt.Errorf("the broker listens, and accepts nobody, see %s", m.log.Name())
	}
	return time.Since(p.started), nil
}
