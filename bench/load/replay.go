package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// replay is a subscriber of # that gets all retained messages.
type replay struct {
	*sink
	qos     packets.QoS
	number  uint32 // of their publisher
	seen    []bool // by the number of the message
	came    atomic.Uint64
	tally   Tally
	ponged  bool
	filters []string
}

func (c *Config) replay(ctx context.Context, number uint32, res *Result) error {
	w, err := dial(ctx, c, client{id: "bench-sink-0", room: 64 << 10})
	if err != nil {
		return err
	}
	defer w.Close()
	before, err := c.usage()
	if err != nil {
		return err
	}
	begin := c.now()
	r := &replay{sink: newSink(w, nil), qos: c.QoS, number: number, seen: make([]bool, c.Count), filters: []string{"#"}}
	defer c.tell("deliver", &r.came)()
	defer context.AfterFunc(ctx, func() { w.Close() })()
	w.request(c.QoS, r.filters)
	err = r.receive(func() bool { return r.came.Load() == uint64(c.Count) })
	took := c.now() - begin
	after, failed := c.usage()
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("deliver: %w", err)
	}
	res.rate(DeliveriesPerSecond, r.came.Load(), took)
	res.cost(CPUPerDelivery, after.cpu-before.cpu, r.came.Load())
	var p packets.Pingreq
	w.out = p.AppendTo(w.out, w.version)
	if err := r.receive(func() bool { return r.ponged }); err != nil { // what comes twice
		return fmt.Errorf("deliver: %w", err)
	}
	r.tally.Lost = uint64(c.Count) - r.came.Load()
	res.Tally.add(r.tally)
	return nil
}

// receive writes what is in out, and reads until it is done, or nothing comes for a while.
func (r *replay) receive(done func() bool) error {
	err := r.flush()
	for err == nil && !done() {
		r.SetReadDeadline(time.Now().Add(patience))
		err = r.turn(r.packet)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

func (r *replay) packet(first byte, body []byte) error {
	switch packets.Type(first >> 4) {
	case packets.TypeSuback:
		return r.granted(first, body, r.qos, r.filters)
	case packets.TypePingresp:
		r.ponged = true
		return nil
	case packets.TypePublish:
		return r.publish(first, body)
	}
	return r.sink.packet(first, body)
}

func (r *replay) publish(first byte, body []byte) error {
	var p packets.Publish
	if err := p.Decode(first, body, r.version); err != nil {
		return err
	}
	if _, err := r.acknowledge(first, body); err != nil {
		return err
	}
	m, ok := readStamp(p.Payload)
	i := int(m.sequence)
	switch {
	case !ok || m.publisher != r.number || i >= len(r.seen) || string(p.Topic) != numberedTopic(i):
		r.tally.Foreign++
	case !p.Retain:
		return fmt.Errorf("the broker delivers %s without RETAIN, which was there before the subscription", p.Topic)
	case r.seen[i]:
		r.tally.Duplicated++
	default:
		r.seen[i] = true
		r.came.Add(1)
	}
	return nil
}

// clear has the broker forget all retained messages.
func (c *Config) clear(ctx context.Context) error {
	w, err := dial(ctx, c, client{id: "bench-source-0", room: 4 << 10})
	if err != nil {
		return err
	}
	defer w.Close()
	defer context.AfterFunc(ctx, func() { w.Close() })()
	for i := range c.Count {
		p := packets.Publish{Retain: true, Topic: []byte(numberedTopic(i))}
		w.out = p.AppendTo(w.out, c.Version)
		if i%c.Batch == 0 {
			if err := w.flush(); err != nil {
				return fmt.Errorf("clear: %w", err)
			}
		}
	}
	return w.ping(ctx)
}
