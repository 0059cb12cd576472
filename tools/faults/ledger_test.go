package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

const (
	once  = packets.AtLeastOnce
	twice = packets.ExactlyOnce
)

// book is a ledger that is fed by hand, about topic t and receiver r.
type book struct{ *ledger }

// publish publishes so many at QoS 2 that all come to a good end.
func (b book) publish(n int) {
	for range n {
		b.published("t", b.publishing("t", twice), nil, false)
	}
}

// giveUp publishes one of which that is said.
func (b book) giveUp(err error) {
	b.published("t", b.publishing("t", twice), fmt.Errorf("so: %w", err), true)
}

func (b book) deliver(numbers ...int) {
	for _, n := range numbers {
		b.delivered("r", "t", n, b.receivers["r"].qos)
	}
}

// TestLedger: each rule is kept by what may be, and broken by what must not. The rule
// that is broken is the want; "" is none.
func TestLedger(t *testing.T) {
	for _, c := range []struct {
		name, want string
		qos        packets.QoS
		events     func(b book)
	}{
		{"all well", "", twice, func(b book) { b.publish(3); b.deliver(1, 2, 3) }},
		{"before its acknowledgement", "", twice, func(b book) { b.publishing("t", twice); b.deliver(1); b.published("t", 1, nil, false) }},
		{"again at QoS 1", "", once, func(b book) { b.publish(3); b.deliver(1, 2, 1, 2, 2, 3) }},
		{"again at QoS 2", "delivered twice", twice, func(b book) { b.publish(3); b.deliver(1, 2, 2) }},
		{"passed over", "passed over", once, func(b book) { b.publish(3); b.deliver(1, 3) }},
		{"not acknowledged and passed over", "passed over", twice, func(b book) { b.publishing("t", twice); b.publish(1); b.deliver(2) }},
		{"unknown and passed over", "", twice, func(b book) { b.giveUp(client.ErrUnknown); b.publish(1); b.deliver(2) }},
		{"unknown and delivered", "", twice, func(b book) { b.giveUp(client.ErrUnknown); b.publish(1); b.deliver(1, 2) }},
		{"unknown and late", "delivered twice", twice, func(b book) { b.giveUp(client.ErrUnknown); b.publish(1); b.deliver(2, 1) }},
		{"not sent", "", twice, func(b book) { b.giveUp(client.ErrNotSent) }},
		{"not sent and delivered", "sent after all", twice, func(b book) { b.giveUp(client.ErrNotSent); b.deliver(1) }},
		{"another error", "failed", twice, func(b book) { b.giveUp(client.ErrClosed) }},
		{"an error unasked", "failed", twice, func(b book) { b.published("t", b.publishing("t", twice), client.ErrUnknown, false) }},
		{"lost", "lost", once, func(b book) { b.publish(3); b.deliver(1, 2) }},
		{"completed twice", "completed twice", twice, func(b book) { b.publish(1); b.published("t", 1, nil, false); b.deliver(1) }},
		{"never completed", "never completed", twice, func(b book) { b.publishing("t", twice); b.deliver(1) }},
		{"never published", "from nowhere", twice, func(b book) { b.publish(1); b.deliver(1, 2) }},
		{"another topic", "from nowhere", twice, func(b book) { b.delivered("r", "other", 1, twice) }},
		{"wrong QoS", "wrong QoS", twice, func(b book) { b.publish(1); b.delivered("r", "t", 1, once) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, broke := context.WithCancelCause(t.Context())
			l := newLedger(broke)
			l.subscribed("r", c.qos, false)
			c.events(book{l})
			before, missing := ctx.Err(), l.missing()
			l.lost()
			if before == nil && missing != (ctx.Err() != nil) {
				t.Errorf("missing: %v", missing)
			}
			got := ""
			if err := context.Cause(ctx); err != nil {
				got, _, _ = strings.Cut(err.Error(), ":")
			}
			if got != c.want {
				t.Errorf("got %q, want %q: %v", got, c.want, context.Cause(ctx))
			}
		})
	}
}

// TestFleeting: who has a session for each connection has to get the last message alone.
func TestFleeting(t *testing.T) {
	ctx, broke := context.WithCancelCause(t.Context())
	l := newLedger(broke)
	l.subscribed("r", twice, true)
	b := book{l}
	b.publish(3)
	b.deliver(1, 3)
	b.publish(1)
	if l.missing() || ctx.Err() != nil {
		t.Errorf("before the end: %v", context.Cause(ctx))
	}
	l.finally()
	if !l.missing() {
		t.Error("the last one is not missing")
	}
	b.deliver(4)
	if l.missing() || ctx.Err() != nil {
		t.Errorf("at the end: %v", context.Cause(ctx))
	}
	b.deliver(3)
	if ctx.Err() == nil {
		t.Error("an older one may come behind a newer one")
	}
}
