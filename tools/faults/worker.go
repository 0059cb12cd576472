package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/client/store"
	"github.com/fletchmq/fletch/packets"
)

// job is what a worker is told, on its command line. A worker is a process with a client
// that has its store in a directory. It is killed, and started again on that.
type job struct {
	Publisher bool // or subscriber
	Name      string
	Version   packets.Version
	QoS       packets.QoS // wanted by a subscriber
	Dir       string      // for its store and its record
	Address   string
	Retired   bool // a publisher publishes nothing new
}

// work does the job in text, until the process is told to end, or killed.
func work(text string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	r, err := openRecord(filepath.Join(j.Dir, "record"))
	if err != nil {
		return err
	}
	past, err := r.read()
	if err != nil {
		return err
	}
	data, err := store.OpenDir(filepath.Join(j.Dir, "store"), store.DirOptions{})
	if err != nil {
		return err
	}
	cfg := configure(j.Name, j.Version, slog.Default())
	cfg.Store = data
	if j.Publisher {
		return j.publish(ctx, cfg, r, past)
	}
	return j.subscribe(ctx, cfg, r, past)
}

// publish goes on where the record ends.
func (j *job) publish(ctx context.Context, cfg client.Config, r *record, past []event) error {
	c, err := client.Start(context.Background(), j.Address, cfg)
	if err != nil {
		return err
	}
	last := map[string]int{}
	for _, e := range past {
		if e.what == publishing {
			last[e.topic] = e.number
		}
	}
	var all sync.WaitGroup
	for qos := packets.AtLeastOnce; qos <= packets.ExactlyOnce && !j.Retired; qos++ {
		for way, publish := range map[string]func(context.Context, *client.Client, client.Message, event, *record){"call": call, "async": async} {
			topic := fmt.Sprintf("t/%s/%d/%s", j.Name, qos, way)
			all.Go(func() {
				for n := last[topic] + 1; ctx.Err() == nil; n++ {
					e := event{what: publishing, topic: topic, number: n, qos: qos}
					r.add(e)
					publish(ctx, c, compose(topic, qos, j.Version, n, rand.IntN(500)), e, r)
					wait(ctx, rand.N(20*time.Millisecond))
				}
			})
		}
	}
	all.Wait()
	<-ctx.Done()
	return c.Disconnect(context.Background())
}

// call publishes and waits for the end of it. That is unknown when the process is told to
// end.
func call(ctx context.Context, c *client.Client, m client.Message, e event, r *record) {
	err := c.Publish(ctx, m)
	if ctx.Err() == nil || err == nil {
		r.add(e.ended(err))
	}
}

// async publishes, and waits for the end of it beside.
func async(ctx context.Context, c *client.Client, m client.Message, e event, r *record) {
	d, err := c.PublishAsync(ctx, m)
	if err != nil {
		if ctx.Err() == nil {
			r.add(e.ended(err))
		}
		return
	}
	e.what = accepted
	r.add(e)
	go func() {
		if err := d.Wait(ctx); ctx.Err() == nil || err == nil {
			r.add(e.ended(err))
		}
	}()
}

// ended is e with its end.
func (e event) ended(err error) event {
	if e.what = completed; err != nil {
		e.what, e.detail = failed, err.Error()
	}
	return e
}

// subscribe takes what comes, and subscribes only when it has not before: the session
// has the subscription.
func (j *job) subscribe(ctx context.Context, cfg client.Config, r *record, past []event) error {
	handler := func(m *client.Message) error {
		n, intact := numberOf(m, j.Version)
		if e := (event{what: begins, topic: m.Topic, number: n, qos: m.QoS, dup: m.Dup}); intact {
			r.add(e)
			wait(context.Background(), rand.N(2*time.Millisecond))
			e.what = ends
			r.add(e)
			return nil
		}
		r.add(event{what: failed, topic: m.Topic, number: n, detail: "not as it was sent"})
		return nil
	}
	cfg.Handler = handler
	c, err := client.Start(context.Background(), j.Address, cfg)
	if err != nil {
		return err
	}
	for done := len(past) > 0 && past[0].what == subscribed; !done; {
		switch err := c.Subscribe(ctx, everything, j.QoS, handler); {
		case err == nil:
			r.add(event{what: subscribed, qos: j.QoS})
			done = true
		case !errors.Is(err, client.ErrUnknown) && !errors.Is(err, client.ErrNotSent) || ctx.Err() != nil:
			return err
		}
	}
	<-ctx.Done()
	return c.Disconnect(context.Background())
}
