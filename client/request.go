package client

import (
	"context"
	"errors"
	"slices"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// request is something asked of the server.
type request struct {
	kind packets.Type
	done chan error // gets the outcome, once; room for it
	sent bool       // it is in the bytes to be written, or further; under Client.mu

	publish *packets.Publish // until it is sent

	// SUBSCRIBE and UNSUBSCRIBE.
	filters []string
	claims  []*claim // those it makes, or those it ends
	codes   []packets.ReasonCode
	detail  string
}

func newRequest(kind packets.Type) *request {
	return &request{kind: kind, done: make(chan error, 1)}
}

var errNoIdentifier = errors.New("all packet identifiers are in use")

// Publish publishes m. It returns nil when the message is written, at QoS 0; when
// the server has acknowledged it, at QoS 1; and when the exchange is complete, at
// QoS 2. While there is no room for it, or the server's Receive Maximum is used
// up, it waits. The slices of m may be used again when it returns.
//
// If ctx ends while the message waits, that is an [ErrNotSent], later an
// [ErrUnknown]. A message that the server refuses, or has said in CONNACK that it
// would, is a [*RefusedError].
func (c *Client) Publish(ctx context.Context, m Message) error {
	r := newRequest(packets.TypePublish)
	r.publish = &packets.Publish{
		QoS: m.QoS, Retain: m.Retain, Topic: []byte(m.Topic), Props: m.Props, Payload: m.Payload,
		PacketID: 1, // until one is assigned
	}
	if err := c.checkPublish(r.publish); err != nil {
		return err
	}
	return c.do(ctx, r, func() error {
		if m.QoS == packets.AtMostOnce {
			c.quick = append(c.quick, r)
		} else {
			c.tracked = append(c.tracked, r)
		}
		c.pump()
		return nil
	})
}

// Ping sends a PINGREQ and waits for its PINGRESP.
func (c *Client) Ping(ctx context.Context) error {
	r := newRequest(packets.TypePingreq)
	return c.do(ctx, r, func() error {
		r.sent = true
		c.sendPing(r)
		return nil
	})
}

// do begins r by start, which is called under Client.mu, and waits for its
// outcome.
func (c *Client) do(ctx context.Context, r *request, start func() error) error {
	c.waiting.Add(1)
	defer c.waiting.Add(-1)
	err := ended(ctx)
	c.mu.Lock()
	closing := c.closing
	if err == nil && !closing {
		err = start()
	}
	c.mu.Unlock()
	switch {
	case closing:
		return failed(ErrNotSent, c.reason())
	case err != nil:
		return failed(ErrNotSent, err)
	}
	nudge(c.wake)
	nudge(c.gate)
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return c.abandon(r, ended(ctx))
	}
}

// abandon takes back r, if it is not sent. What is sent runs its course, without
// anyone to tell.
func (c *Client) abandon(r *request, cause error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case err := <-r.done:
		return err
	default:
	}
	if r.sent {
		return failed(ErrUnknown, cause)
	}
	for _, q := range []*[]*request{&c.quick, &c.tracked} {
		if i := slices.Index(*q, r); i >= 0 {
			*q = slices.Delete(*q, i, i+1)
		}
	}
	return failed(ErrNotSent, cause)
}

// pump moves PUBLISHes to the bytes to be written while there is room, and for
// QoS 1 and 2 quota. Those of QoS 0 do not wait for quota.
func (c *Client) pump() {
	for len(c.buf) < room && !c.closing {
		quick, tracked := c.sendNext(&c.quick), c.sendNext(&c.tracked)
		if !quick && !tracked {
			return
		}
	}
}

// sendNext moves the first PUBLISH of a queue, if it may.
func (c *Client) sendNext(queue *[]*request) bool {
	if len(*queue) == 0 {
		return false
	}
	r := (*queue)[0]
	if p := r.publish; p.QoS == packets.AtMostOnce {
		c.written = append(c.written, r)
	} else {
		id, ok := c.out.Begin(p.QoS, r) // [MQTT-3.3.4-7]
		if !ok {
			return false
		}
		p.PacketID = uint16(id)
	}
	c.buf = r.publish.AppendTo(c.buf, c.cfg.Version)
	r.sent, r.publish = true, nil
	(*queue)[0] = nil
	if *queue = (*queue)[1:]; len(*queue) == 0 {
		*queue = nil
	}
	return true
}

// acknowledged handles PUBACK, PUBREC and PUBCOMP, after flow has.
func (c *Client) acknowledged(t packets.Type, id uint16, reason packets.ReasonCode, detail []byte, r *request, o flow.Outcome) error {
	switch o {
	case flow.Finished:
		err := refusal(t, reason, detail)
		if err != nil && t == packets.TypePubcomp {
			err = failed(ErrUnknown, err) // accepted with PUBREC, and then lost sight of
		}
		r.done <- err
	case flow.Released:
		c.out.Swap(flow.OutID(id), r)
		c.pubrel(id, packets.Success) // [MQTT-4.3.3-4]
	case flow.Repeated:
		c.pubrel(id, packets.Success)
	case flow.Unknown:
		if t == packets.TypePubrec {
			c.pubrel(id, packets.PacketIdentifierNotFound)
		}
	case flow.Misplaced:
		return packets.Broken(c.cfg.Version, t, ackMisplaced)
	}
	c.pump()
	return nil
}

func (c *Client) pubrel(id uint16, reason packets.ReasonCode) {
	c.owed++
	p := packets.Pubrel{PacketID: id, Reason: reason}
	c.buf = p.AppendTo(c.buf, c.cfg.Version)
}
