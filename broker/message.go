package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/packets"
)

// Message is an application message to or from the program that the broker is a
// part of.
type Message struct {
	Topic   string // a topic name; it may begin with $
	Payload []byte
	QoS     packets.QoS // the most that a receiver gets it at
	Retain  bool        // from Subscribe: it was retained before

	// Props go to receivers of 5.0 as they are, and the Message Expiry Interval
	// counts for all. No Topic Alias and no Subscription Identifier.
	Props packets.PublishProps

	// From is the client identifier of who has published it, empty if that is the
	// program or the broker. Publish does not look at it.
	From string
}

var errConnectionProps = errors.New("broker: a Message has no Topic Alias and no Subscription Identifier")

// Publish passes on m as if a client had sent it, and returns when each session
// that wants it has it: that does not wait for any receiver, but at QoS 1 and 2 for
// Config.Store, if there is one and the message has to be stored. It keeps nothing of m. Any number of goroutines may call it, also while an Authenticate
// runs.
//
// The error is [ErrClosed], [ErrNoRoom], why the store cannot write, that of ctx if it
// has ended already, or what is wrong with m, if a packet does that a
// [*packets.BrokenError]: m has not been published then. If ctx ends while m waits for
// the store, m may be published all the same.
func (b *Broker) Publish(ctx context.Context, m Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.ctx.Err() != nil {
		return ErrClosed
	}
	p := packets.Publish{QoS: m.QoS, Retain: m.Retain, Topic: []byte(m.Topic), Props: m.Props, Payload: m.Payload}
	if m.QoS > packets.AtMostOnce {
		p.PacketID = 1 // the largest that a packet gets
	}
	if has := p.Props.Has(); has.Has(packets.PropTopicAlias) || has.Has(packets.PropSubscriptionIdentifier) {
		return errConnectionProps
	}
	if err := p.Validate(packets.V5); err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	if m.Retain && b.config.Without.has(RetainedMessages) {
		return fmt.Errorf("broker: %w", errRetain)
	}
	if strings.Count(m.Topic, "/") >= b.config.MaximumTopicLevels {
		return fmt.Errorf("broker: %w", errTooDeep)
	}
	message := session.NewMessage(&p)
	defer message.Release()
	message.Received(time.Now())
	t := begin()
	defer t.end()
	if b.refuses(message, t) {
		return ErrNoRoom
	}
	defer func() { t.Admitted = false }()
	return b.publishStored(ctx, message, t)
}

// publishStored waits until the message is stored, if it has to be.
func (b *Broker) publishStored(ctx context.Context, m *session.Message, t *turn) error {
	if b.journal == nil || m.Publish.QoS == packets.AtMostOnce {
		b.publish(m, t)
		return nil
	}
	if trouble := b.journal.Trouble(); trouble != nil {
		return fmt.Errorf("broker: Store: %w", trouble)
	}
	if !b.retain(m, t) {
		b.unretain(m.Publish.Topic, t)
	}
	l := letterOf(m)
	stored := make(chan struct{})
	l.stored = stored
	if _, waits := b.post(l, t); !waits {
		return nil
	}
	t.Flush()
	select {
	case <-stored:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-b.ctx.Done():
		return ErrClosed
	}
}
