package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strings"
	"sync"

	"github.com/fletchmq/fletch/packets"
)

// defaultResponsePrefix is that of Config.ResponsePrefix.
const defaultResponsePrefix = "fletch/reply/"

// replies is the requests of Request that wait for their responses, under Client.mu.
type replies struct {
	topic       string        // the Response Topic, once it is subscribed to
	subscribing chan struct{} // closed when that has been tried, nil while nobody does
	calls       map[uint64]*call
	last        uint64
	base        [8]byte // of the Correlation Data of this Client, unlike that of any other
	idle        sync.Pool
}

// call is one request.
type call struct {
	correlation [16]byte      // base and number
	response    chan *Message // gets it, once; room for it
}

func (r *replies) init() {
	r.calls = make(map[uint64]*call)
	rand.Read(r.base[:])
}

// begin has responses come to a call.
func (r *replies) begin() *call {
	x, ok := r.idle.Get().(*call)
	if !ok {
		x = &call{response: make(chan *Message, 1)}
	}
	r.last++
	copy(x.correlation[:], r.base[:])
	binary.BigEndian.PutUint64(x.correlation[8:], r.last)
	r.calls[r.last] = x
	return x
}

// end has no response come to x any more, and gives the one that has, or nil.
func (r *replies) end(x *call) (response *Message) {
	delete(r.calls, binary.BigEndian.Uint64(x.correlation[8:]))
	select {
	case response = <-x.response:
	default:
	}
	r.idle.Put(x)
	return response
}

// take is the call that waits for a response with that Correlation Data, or nil.
func (r *replies) take(correlation []byte) *call {
	if len(correlation) != len(call{}.correlation) || !bytes.HasPrefix(correlation, r.base[:]) {
		return nil
	}
	number := binary.BigEndian.Uint64(correlation[8:])
	x := r.calls[number]
	delete(r.calls, number)
	return x
}

// Request publishes m and waits for its response, section 4.10, which is the caller's.
// It sets Response Topic and Correlation Data. Any number of requests may wait at the
// same time, in handlers too. It is for 5.0, as is [Client.Reply], which answers.
//
// The first Request subscribes to a topic of this Client, see Config.ResponsePrefix,
// which stays subscribed to like any other. Requests go on when the connection ends,
// but nobody can tell whether a response will come: the other side may be gone, and the
// server may lose a response with the session, or at QoS 0 with the connection. So let
// ctx say how long to wait. Responses that come after that are dropped, and counted in
// Stats. A handler that waits for a response at QoS 1 or 2 leaves the messages behind it
// without acknowledgement: if they use up the Receive Maximum, the response waits for
// ctx to end. At QoS 0 it does not.
//
// If ctx ends while it waits, the error is an [ErrUnknown], or an [ErrNotSent] if m was
// not sent. The others are those of [Client.Publish] and [Client.Subscribe]; with those
// of Subscribe, m was not sent.
func (c *Client) Request(ctx context.Context, m Message) (response *Message, err error) {
	if props := m.Props.Has(); props.Has(packets.PropResponseTopic) || props.Has(packets.PropCorrelationData) {
		return nil, invalid("request with a Response Topic or Correlation Data, which are not for the caller to set")
	}
	topic, err := c.responseTopic(ctx)
	if err != nil {
		return nil, err
	}
	c.waiting.Add(1) // the response stands behind other messages
	defer c.waiting.Add(-1)
	c.mu.Lock()
	x := c.replies.begin()
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if late := c.replies.end(x); late != nil {
			response, err = late, nil // it has come after all
		}
	}()
	m.Props.SetResponseTopic(bytesOf(topic))
	m.Props.SetCorrelationData(x.correlation[:])
	if err := c.publish(ctx, m); err != nil {
		return nil, err
	}
	select {
	case response := <-x.response:
		return response, nil
	case <-ctx.Done():
		return nil, failed(ErrUnknown, ended(ctx))
	case <-c.done:
		return nil, failed(ErrUnknown, c.reason())
	}
}

// responseTopic is the Response Topic of this Client, which is subscribed to.
func (c *Client) responseTopic(ctx context.Context) (string, error) {
	for {
		c.mu.Lock()
		version, topic, others := c.version, c.replies.topic, c.replies.subscribing
		mine := version == packets.V5 && topic == "" && others == nil
		if mine {
			c.replies.subscribing = make(chan struct{})
		}
		c.mu.Unlock()
		switch {
		case version != packets.V5:
			return "", noRequests(version)
		case mine:
			return c.subscribeToResponses(ctx)
		case topic != "":
			return topic, nil
		}
		select {
		case <-others:
		case <-ctx.Done():
			return "", failed(ErrNotSent, ended(ctx))
		}
	}
}

// subscribeToResponses lets others try if it fails.
func (c *Client) subscribeToResponses(ctx context.Context) (topic string, err error) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.replies.topic = topic
		close(c.replies.subscribing)
		c.replies.subscribing = nil
	}()
	if err := c.awaitUp(ctx); err != nil {
		return "", failed(ErrNotSent, err)
	}
	name, err := c.nameResponses()
	if err != nil {
		return "", err
	}
	s := Subscription{Filter: name, QoS: packets.ExactlyOnce, RetainHandling: packets.DoNotSendRetained}
	_, err = c.subscribeTo(ctx, &queue{at: c.onResponse}, []Subscription{s})
	switch {
	case err == nil:
		return name, nil
	case !errors.Is(err, ErrUnknown):
		return "", err
	case ctx.Err() != nil: // what is not known is of the subscription
		return "", failed(ErrNotSent, ended(ctx))
	default:
		return "", failed(ErrNotSent, c.reason())
	}
}

// nameResponses makes the Response Topic.
func (c *Client) nameResponses() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version != packets.V5 { // see Config.Fallback
		return "", noRequests(c.version)
	}
	prefix := c.cfg.ResponsePrefix
	if information, ok := c.connack.Props.ResponseInformation(); ok && prefix == "" {
		prefix = strings.TrimSuffix(string(information), "/") + "/"
	}
	topic := cmp.Or(prefix, defaultResponsePrefix) + oneLevel.Replace(cmp.Or(c.id, randomID()))
	if !packets.ValidTopicName(topic) {
		return "", invalid("Response Topic %q: want a topic name, from ResponsePrefix or Response Information and the client identifier", topic)
	}
	return topic, nil
}

func noRequests(v packets.Version) error {
	return invalid("Request needs version 5.0, and this is %v", v)
}

// oneLevel makes one topic level of a client identifier.
var oneLevel = strings.NewReplacer("%", "%25", "/", "%2F", "+", "%2B", "#", "%23")

// onResponse is for the messages of the Response Topic. It is called with Client.mu.
func (c *Client) onResponse(m *Message) {
	correlation, _ := m.Props.CorrelationData()
	if x := c.replies.take(correlation); x != nil {
		x.response <- m.Clone()
	} else {
		c.counts.unasked++
	}
}

// Reply publishes m as the response to a message that has a Response Topic, section
// 4.10, with its Correlation Data if it has any. The topic of m has to be empty. At QoS
// 0 it is published at the QoS of to. It may be called while to is good.
//
// Without a Response Topic the error is an [ErrInvalid]. The others are those of
// [Client.Publish].
func (c *Client) Reply(ctx context.Context, to *Message, m Message) error {
	topic, ok := to.Props.ResponseTopic()
	switch {
	case !ok:
		return invalid("reply to a message of %q without a Response Topic, which is of 5.0", to.Topic)
	case m.Topic != "":
		return invalid("reply with the topic %q: want none, it is the Response Topic", m.Topic)
	}
	m.Topic = string(topic)
	m.QoS = cmp.Or(m.QoS, to.QoS)
	if correlation, ok := to.Props.CorrelationData(); ok {
		m.Props.SetCorrelationData(correlation)
	}
	return c.Publish(ctx, m)
}
