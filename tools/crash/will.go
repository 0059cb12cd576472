package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/fletchmq/fletch/packets"
)

const willDelay = 2 * time.Second

// mortal is a client that loses its connection again and again, and whose will has to
// come each time, whatever happens to the broker in between.
type mortal struct {
	*world
	rng    *rand.Rand
	client string
	topic  string
	heir   string // the subscriber to topic
}

func (m *mortal) run(ctx context.Context) {
	for ctx.Err() == nil && !finished(m.finishing) {
		n := m.ledger.sending(m.client, m.topic, packets.AtLeastOnce, false)
		connect := persistent(m.client)
		connect.HasWill, connect.WillQoS = true, packets.AtLeastOnce
		var will packets.Publish
		will.Topic = []byte(m.topic)
		fill(&will, packets.V311, n, 100)
		connect.Will.Topic, connect.Will.Payload = will.Topic, will.Payload
		connect.Will.Props.SetWillDelayInterval(uint32(willDelay / time.Second))
		l, _, err := m.join(ctx, packets.V5, connect)
		if err != nil {
			return
		}
		for left := m.rng.IntN(500); left > 0; left-- {
			if _, err := l.within(time.Millisecond); !errors.Is(err, errIdle) {
				break
			}
		}
		m.ledger.accepted(m.topic, n)
		l.close()
		m.await(ctx, n)
		m.ledger.finished(m.topic, n)
	}
}

// await waits for a will. The ledger says what is wrong if it never comes.
func (m *mortal) await(ctx context.Context, n int) {
	for !m.ledger.has(m.heir, m.topic, n) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
