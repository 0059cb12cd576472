package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

type sub struct {
	connection
	Topic   []string `short:"t" sep:"none" placeholder:"FILTER" help:"Topic filter to subscribe to. May be given more than once."`
	Verbose bool     `short:"v" help:"Print the topic before the message."`
	Count   int      `short:"C" placeholder:"N" help:"End after N messages. Default: go on."`
	Wait    uint32   `short:"W" placeholder:"SECONDS" help:"End after that many seconds, with status 27. Default: go on."`
}

var errTimeout = failure{exitTimeout, errors.New("timed out")}

// Run prints messages until there were enough, it took too long, or a signal
// comes. It goes on with the next connection when one ends.
func (s *sub) Run(w *world) error {
	if len(s.Topic) == 0 {
		return errors.New("expected a topic filter: fletch sub -t FILTER")
	}
	for _, filter := range s.Topic {
		if !packets.ValidTopicFilter(filter) {
			return fmt.Errorf("-t %q: expected a topic filter, where + and # stand alone between slashes, and # last", filter)
		}
	}
	if s.Wait > 0 {
		ctx, cancel := context.WithTimeoutCause(w.ctx, time.Duration(s.Wait)*time.Second, errTimeout)
		defer cancel()
		w = &world{ctx: ctx, in: w.in, out: w.out, err: w.err}
	}
	o := outage{out: w.err}
	c, err := s.dial(w, o.onUp, o.onDown)
	if c == nil {
		return err
	}
	err = s.receive(w, c)
	left := c.Close()
	switch {
	case errors.Is(err, errTimeout):
		return errTimeout
	case err != nil && !errors.Is(err, context.Canceled): // which a signal does
		return err
	case left != nil:
		return s.request("the end", left)
	}
	return nil
}

// outage tells its user when there is no connection, and when there is one again.
type outage struct {
	out   io.Writer
	up    bool
	again bool // there has been one before
}

func (o *outage) onUp(u client.UpEvent) {
	if o.again {
		fmt.Fprintf(o.out, "fletch: connected to %s again\n", u.Address)
	}
	o.up, o.again = true, true
}

func (o *outage) onDown(d client.DownEvent) {
	switch {
	case d.Again < 0: // Run says why
	case o.up:
		fmt.Fprintf(o.out, "fletch: connection lost: %v\n", d.Err)
	default:
		fmt.Fprintf(o.out, "fletch: not connected: %v\n", d.Err)
	}
	o.up = false
}

func (s *sub) receive(w *world, c *client.Client) error {
	if err := s.subscribe(w, c); err != nil {
		return err
	}
	for n := 0; s.Count <= 0 || n < s.Count; n++ {
		m, err := c.Receive(w.ctx)
		switch {
		case errors.Is(err, client.ErrClosed):
			return s.request("the subscription", err)
		case err != nil:
			return err
		}
		if err := s.print(w.out, m); err != nil {
			return err
		}
	}
	return nil
}

// subscribe goes on with what is granted, if anything is.
func (s *sub) subscribe(w *world, c *client.Client) error {
	subscriptions := make([]client.Subscription, len(s.Topic))
	for i, filter := range s.Topic {
		subscriptions[i] = client.Subscription{Filter: filter, QoS: packets.QoS(s.QoS)}
	}
	codes, err := c.SubscribeAll(w.ctx, nil, subscriptions...)
	s.logger(w.err).Debug("subscribed", "codes", codes)
	for _, code := range codes {
		if err != nil && code < packets.UnspecifiedError {
			fmt.Fprintln(w.err, "fletch:", s.request("a subscription", err))
			return nil
		}
	}
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, errTimeout) {
		return err
	}
	return s.request("the subscription", err)
}

// print writes m in the form of mosquitto_sub: nothing for an empty message,
// unless its topic is printed.
func (s *sub) print(out io.Writer, m *client.Message) error {
	var line []byte
	switch {
	case s.Verbose && len(m.Payload) == 0:
		line = append(line, m.Topic+" (null)"...)
	case s.Verbose:
		line = append(append(line, m.Topic+" "...), m.Payload...)
	case len(m.Payload) == 0:
		return nil
	default:
		line = append(line, m.Payload...)
	}
	_, err := out.Write(append(line, '\n'))
	return err
}
