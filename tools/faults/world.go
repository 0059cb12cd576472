package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"time"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

const (
	patience  = 30 * time.Second // bounds what is to happen
	keepAlive = time.Second      // the shortest there is: silences are longer, and shorter
)

// world is a broker, the proxy before it, and what all clients share.
type world struct {
	broker    *broker.Broker
	served    chan error
	proxy     *proxy
	ledger    *ledger
	log       *slog.Logger
	finishing context.Context // ends when nothing new is to be published
}

// newWorld begins one with those faults. It is to be ended.
func newWorld(log *slog.Logger, plan plan) (*world, error) {
	w := &world{served: make(chan error, 1), log: log}
	b, err := broker.New(broker.Config{
		AllowAnonymous: true, Logger: log.With("who", "broker"),
		MaximumQueuedMessages: 1 << 20, MaximumQueuedBytes: 256 << 20,
	})
	if err != nil {
		return nil, err
	}
	w.broker = b
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() { w.served <- b.Serve(context.Background(), ln) }()
	if w.proxy, err = newProxy(ln.Addr().String(), plan); err != nil {
		w.end()
		return nil, err
	}
	return w, nil
}

// end is when there are no clients any more.
func (w *world) end() error {
	if w.proxy != nil {
		w.proxy.close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.broker.Shutdown(ctx); err != nil {
		return fmt.Errorf("the broker does not end: %w", err)
	}
	<-w.served
	return nil
}

// client is one with a session that lasts, unless it is short. It is to be disconnected.
func (w *world) client(name string, v packets.Version, short bool) (*client.Client, error) {
	cfg := configure(name, v, w.log.With("who", name))
	cfg.KeepSession = !short
	return client.Start(context.Background(), "mqtt://"+w.proxy.address, cfg)
}

// configure is for a client that comes back quickly.
func configure(name string, v packets.Version, log *slog.Logger) client.Config {
	return client.Config{
		Version: v, ClientID: name, KeepSession: true, KeepAlive: keepAlive,
		ConnectTimeout: 2 * keepAlive,
		Backoff:        func(int) time.Duration { return rand.N(50 * time.Millisecond) },
		Logger:         log,
	}
}

// refusals lets nobody connect for a while, again and again.
func (w *world) refusals(rng *rand.Rand) {
	for w.proxy.faulty.Err() == nil {
		wait(w.proxy.faulty, time.Duration(rng.IntN(10_000))*time.Millisecond)
		if err := w.proxy.refuse(time.Duration(rng.IntN(500)) * time.Millisecond); err != nil {
			w.ledger.fail("proxy: %v", err)
		}
	}
}

// memory is what is in use.
func memory() (bytes uint64, goroutines int) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, runtime.NumGoroutine()
}

// stacks are those of all goroutines.
func stacks() string {
	b := make([]byte, 16<<20)
	return string(b[:runtime.Stack(b, true)])
}

// faults are how many there have been.
func (p *proxy) String() string {
	var b strings.Builder
	p.mu.Lock()
	fmt.Fprintf(&b, "%d connections", p.accepted)
	p.mu.Unlock()
	for k := range kinds {
		fmt.Fprintf(&b, ", %d %v", p.struck[k].Load(), k)
	}
	return b.String()
}
