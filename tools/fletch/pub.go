package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

type pub struct {
	connection
	Topic   string  `short:"t" placeholder:"TOPIC" help:"Topic to publish to."`
	Message *string `short:"m" placeholder:"MESSAGE" help:"What to publish."`
	Retain  bool    `short:"r" help:"Have the broker keep it for later subscribers."`
}

// Run publishes the message and waits until that is done.
func (p *pub) Run(w *world) error {
	switch {
	case p.Topic == "" || p.Message == nil:
		return errors.New("expected a topic and a message: fletch pub -t TOPIC -m MESSAGE")
	case !packets.ValidTopicName(p.Topic):
		return badTopic("-t", p.Topic)
	}
	ctx, cancel := context.WithCancelCause(w.ctx)
	defer cancel(nil)
	c, err := p.dial(w, nil, func(d client.DownEvent) {
		if d.Err != nil {
			cancel(failure{exitConnectionLost, fmt.Errorf("%s: connection lost: %w", p.address(), d.Err)})
		}
	})
	if c == nil {
		return err
	}
	err = c.Publish(ctx, client.Message{
		Topic: p.Topic, Payload: []byte(*p.Message), QoS: packets.QoS(p.QoS), Retain: p.Retain,
	})
	left := c.Close()
	var lost failure
	switch {
	case err != nil && errors.As(context.Cause(ctx), &lost):
		return lost
	case errors.Is(err, context.Canceled):
		return failure{1, errors.New("interrupted: the message may not have been delivered")}
	case err != nil:
		return p.request("the message", err)
	case left != nil && p.QoS == 0: // nobody has said that it arrived
		return p.request("the message", left)
	}
	return nil
}
