package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fletchmq/fletch/packets"
)

// checkRetained looks at what a fresh subscriber to topics is sent, when their
// publisher waits.
func (w *world) checkRetained(ctx context.Context, publisher string, topics []string) error {
	l, _, err := w.join(ctx, packets.V5, &packets.Connect{ClientID: fmt.Append(nil, publisher, "-check"), CleanStart: true})
	if err != nil {
		return err
	}
	defer l.close()
	subscribe := packets.Subscribe{PacketID: 1}
	for _, topic := range topics {
		subscribe.Filters = append(subscribe.Filters, packets.Subscription{Filter: []byte(topic), QoS: packets.AtLeastOnce})
	}
	l.add(&subscribe)
	if err := l.flush(); err != nil {
		return err
	}
	got, err := l.collect(topics)
	if err == nil {
		w.ledger.retained(l.client, topics, got)
	}
	return err
}

// collect takes messages until all that must come has come, and then the answer to a
// ping, before which a broker has sent what it has beyond that.
func (l *link) collect(topics []string) (got map[string]int, err error) {
	got = map[string]int{}
	for start := time.Now(); ; {
		p, err := l.next()
		if err != nil {
			return nil, err
		}
		switch p := p.(type) {
		case *packets.Suback:
			l.add(&packets.Pingreq{})
		case *packets.Publish:
			topic := string(p.Topic)
			n, ok := numberOf(p, l.v)
			_, twice := got[topic]
			if !ok || twice || !p.Retain || !slices.Contains(topics, topic) {
				return nil, l.unexpected(p)
			}
			got[topic] = n
			l.add(&packets.Puback{PacketID: p.PacketID})
		case *packets.Pingresp:
			if l.ledger.lacksRetained(topics, got) && time.Since(start) < patience {
				l.add(&packets.Pingreq{})
				break
			}
			return got, nil
		default:
			return nil, l.unexpected(p)
		}
		if err := l.flush(); err != nil {
			return nil, err
		}
	}
}
