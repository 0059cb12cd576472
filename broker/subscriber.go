package broker

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
)

// Subscribe gives the messages whose topic name matches filter, which may be
// shared, to a loop of the program:
//
//	messages, err := b.Subscribe(ctx, "plant/#")
//	…
//	for m := range messages {
//
// It has subscribed when it returns, so nothing is missed before the loop begins.
// Retained messages come first. Then each message is as it was published: QoS is
// that of its publisher, and the program may keep and change all of it.
//
// The loop ends when ctx does, or, after what waits then, with Shutdown. When the
// body breaks or panics the subscription ends too. There is one loop: another
// over the same messages has none. Without any, ctx is what ends the
// subscription.
//
// Nobody waits for the body. Up to MaximumQueuedMessages and MaximumQueuedBytes
// wait for it; beyond, messages are dropped whatever their QoS, counted in
// [Stats] and logged under the client identifier "Subscribe(filter)".
//
// The error is [ErrClosed], that of ctx if it has ended already, or what is wrong
// with filter, a [*packets.BrokenError] if no client may send it either.
func (b *Broker) Subscribe(ctx context.Context, filter string) (iter.Seq[Message], error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte(filter)}}}
	if err := p.Validate(packets.V5); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if strings.Count(filter, "/") >= b.config.MaximumTopicLevels {
		return nil, fmt.Errorf("broker: %w", errTooDeepFilter)
	}
	s := b.newSubscriber(ctx, filter)
	if !b.keep(s) {
		s.end(false)
		return nil, ErrClosed
	}
	s.forget = context.AfterFunc(ctx, func() { s.end(false) })
	return s.all, nil
}

// subscriber is what a loop of the program is to those who publish: a client
// whose line ends in the loop. It is no session, nobody can connect to it.
type subscriber struct {
	b      *Broker
	ctx    context.Context
	filter string
	client *client
	line   *session.Line
	due    chan struct{} // the loop is to Take
	looped atomic.Bool
	forget func() bool // ctx
}

// newSubscriber subscribes. To the messages, QoS is something between publisher
// and broker: all are queued as those at QoS 0 are, which nobody acknowledges.
func (b *Broker) newSubscriber(ctx context.Context, filter string) *subscriber {
	s := &subscriber{b: b, ctx: ctx, filter: filter, due: make(chan struct{}, 1)}
	out := session.NewOutbox(b.budget)
	s.client = &client{id: "Subscribe(" + filter + ")", program: true, number: b.lastID.Add(1), out: out}
	t := begin()
	defer t.end()
	s.line = out.Attach(session.Peer{Version: packets.V5}, nil, s, &t.Turn)
	subscription := topics.Subscription[*client]{ID: s.client.number, Subscriber: s.client}
	if _, _, shared := packets.SplitShared([]byte(filter)); shared {
		b.share(filter, subscription)
		return s
	}
	out.Replay(session.Replay{Filter: filter}, &t.Turn) // a place before all that comes from now on
	b.subscriptions.Subscribe(filter, subscription)
	out.Replay(session.Replay{Filter: filter, Until: b.retentions.Load()}, &t.Turn)
	return s
}

// keep is false after Shutdown.
func (b *Broker) keep(s *subscriber) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.subscribers[s] = true
	return true
}

// endSubscribers is for Shutdown.
func (b *Broker) endSubscribers() {
	b.mu.Lock()
	all := b.subscribers
	b.subscribers = nil
	b.mu.Unlock()
	for s := range all {
		s.end(true)
	}
}

// end ends the subscription; with flush the loop still gets what waits. More than
// one goroutine may call it, and more than once.
func (s *subscriber) end(flush bool) {
	s.b.mu.Lock()
	delete(s.b.subscribers, s)
	s.b.mu.Unlock()
	s.b.unsubscribe(s.filter, s.client)
	t := begin()
	defer t.end()
	s.line.Close(nil, flush, &t.Turn)
	s.client.out.End()
}

// Flush wakes the loop.
func (s *subscriber) Flush(*session.Line) { s.due <- struct{}{} }

// Relieved is nothing: no packets are answered here.
func (s *subscriber) Relieved() {}

// all is the loop.
func (s *subscriber) all(yield func(Message) bool) {
	if s.looped.Swap(true) {
		return
	}
	var batch session.Batch
	defer s.end(false)
	defer s.forget()
	for range s.due {
		for {
			taken := s.line.Take(&batch)
			if taken == session.Over {
				return
			}
			if taken == session.Idle {
				break
			}
			if !s.pass(&batch, yield) {
				return
			}
		}
	}
}

// pass gives the program what is in the batch. It is false at the end.
func (s *subscriber) pass(batch *session.Batch, yield func(Message) bool) bool {
	next := 0
	defer func() {
		for _, d := range batch.Messages[next:] {
			d.Message.Release()
		}
		clear(batch.Messages)
	}()
	for next < len(batch.Messages) {
		d := &batch.Messages[next]
		m := messageOf(d)
		d.Message.Release()
		next++
		if s.ctx.Err() != nil || !yield(m) {
			return false
		}
	}
	if r := batch.Replay; r != nil {
		s.b.expand(s.client, r)
	}
	return true
}

// messageOf is a copy for the program.
func messageOf(d *session.Delivery) Message {
	p := d.Message.Publish
	p.Dup, p.QoS, p.Retain = false, 0, d.Retain
	if d.Message.Expires() {
		p.Props.SetMessageExpiryInterval(d.Left)
	}
	packet := p.AppendTo(nil, packets.V5)
	var own packets.Publish
	if err := own.Decode(packet[0], packet[len(packet)-p.Size(packets.V5):], packets.V5); err != nil {
		panic("broker: message is not valid: " + err.Error())
	}
	return Message{
		Topic:   string(own.Topic),
		Payload: own.Payload,
		QoS:     d.Message.Publish.QoS,
		Retain:  own.Retain,
		Props:   own.Props,
		From:    d.Message.From,
	}
}
