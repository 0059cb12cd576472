package client

import (
	"bytes"

	"github.com/fletchmq/fletch/packets"
)

// Message is an application message, to be published or received.
//
// The bytes of a received message stay good. They are not to be changed: other
// handlers may have the same.
type Message struct {
	Topic   string
	Payload []byte
	QoS     packets.QoS
	Retain  bool                 // publishing: keep it; receiving: it was kept
	Dup     bool                 // received, perhaps not for the first time; not for publishing
	Props   packets.PublishProps // of 5.0
}

// Reader reads the payload from its beginning.
func (m *Message) Reader() *bytes.Reader { return bytes.NewReader(m.Payload) }

// Handler handles the messages of a subscription, one after the other. It may
// call all methods of the client, and block. When it returns, the message is
// acknowledged. If it panics, the connection is closed and the message is not
// acknowledged.
type Handler func(m *Message)

// Subscription is a topic filter and what is wanted of it.
type Subscription struct {
	Filter string
	QoS    packets.QoS // the highest wanted

	// For 5.0.
	NoLocal           bool
	RetainAsPublished bool
	RetainHandling    packets.RetainHandling
}
