//go:build linux

package main

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// companion is what a row needs at the other side of the broker: who sends what is
// received, answers what is requested, or checks what is published.
type companion struct {
	*wire
	row
	topic   string
	credit  *credit
	ledger  ledger
	noted   atomic.Int64 // messages of ledger
	running sync.WaitGroup
}

// inFlight is how many messages a flood has under way at QoS 1.
const inFlight = 1024

// accompany connects to the broker and goes on until close.
func accompany(address, topic string, r row) (*companion, error) {
	v, filter := packets.V311, topic
	switch r.Op {
	case receive:
		filter = ready
	case request:
		v, filter = packets.V5, requests
	}
	w, err := subscribed(address, v, filter)
	if err != nil {
		return nil, err
	}
	c := &companion{wire: w, row: r, topic: topic, credit: newCredit(inFlight)}
	c.running.Go(func() {
		defer c.credit.end()
		for err := error(nil); err == nil; {
			acked := 0
			err = c.turn(func(p packets.Packet) error {
				acked += c.handle(p)
				return nil
			})
			c.credit.give(acked)
		}
	})
	return c, nil
}

// handle says how many messages p acknowledges.
func (c *companion) handle(p packets.Packet) (acked int) {
	switch p := p.(type) {
	case *packets.Puback:
		return 1
	case *packets.Publish:
		switch c.Op {
		case publish:
			c.ledger.note(p.Payload)
			c.noted.Add(1)
		case receive:
			f := newFlood(c.row, c.topic, c.version, c.credit)
			c.running.Go(func() { f.run(c.Conn) })
		case request:
			c.out = answer(p).AppendTo(c.out, c.version)
		}
	}
	return 0
}

// answer is the response to a request.
func answer(p *packets.Publish) *packets.Publish {
	a := &packets.Publish{Topic: []byte(responses), Payload: p.Payload}
	if topic, ok := p.Props.ResponseTopic(); ok {
		a.Topic = topic
	}
	if data, ok := p.Props.CorrelationData(); ok {
		a.Props.SetCorrelationData(data)
	}
	return a
}

// check waits for the messages that were sent, or until no more of them come.
func (c *companion) check(sent int64) tally {
	const quiet = 500 * time.Millisecond
	last, since := c.noted.Load(), time.Now()
	for last < sent && time.Since(since) < quiet {
		time.Sleep(time.Millisecond)
		if n := c.noted.Load(); n != last {
			last, since = n, time.Now()
		}
	}
	c.close()
	return c.ledger.sum()
}

func (c *companion) close() {
	c.Close()
	c.running.Wait()
}
