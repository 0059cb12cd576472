package client

import (
	"bytes"
	"unsafe"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// Message is an application message, to be published or received.
type Message struct {
	Topic   string
	Payload []byte
	QoS     packets.QoS
	Retain  bool                 // publishing: keep it; receiving: it was kept
	Dup     bool                 // received, perhaps not for the first time; not for publishing
	Props   packets.PublishProps // of 5.0; not sent before

	c      *Client
	record *record  // while a handler or a loop has it
	ack    *holding // behind Hold
}

// holding is a message whose acknowledgement waits for Ack.
type holding struct {
	receipt flow.Receipt
	share   *share
}

// Handler handles the messages of a subscription, one after the other. It may
// call all methods of the client, and block.
//
// The message and its bytes are good until it returns; [Message.Clone] keeps them.
// They are not to be changed. When it returns nil, the message is acknowledged, unless
// [Message.Hold] has put that off. A [*RefusedError] refuses it with the Reason, which
// a server of 5.0 is told. If it returns another error, or panics, the message is not
// acknowledged, and the connection is made anew, so that the server sends it again;
// where the session ends with the connection it is refused instead.
type Handler func(m *Message) error

// Reader reads the payload from its beginning.
func (m *Message) Reader() *bytes.Reader { return bytes.NewReader(m.Payload) }

// Clone is a copy with memory of its own.
func (m *Message) Clone() *Message {
	copied := &Message{Topic: m.Topic, Payload: bytes.Clone(m.Payload), QoS: m.QoS, Retain: m.Retain, Dup: m.Dup, Props: m.Props}
	ownProperties(&copied.Props, bytes.Clone)
	return copied
}

// Hold puts off the acknowledgement of a message that a handler or a loop has, until
// Ack is called on what it returns: a copy with memory of its own. Until then it
// counts against the Receive Maximum, and what came behind it is not acknowledged
// either, for acknowledgements go out in the order of arrival [MQTT-4.6.0-2].
func (m *Message) Hold() *Message {
	held := m.Clone()
	held.c = m.c
	if r := m.record; r != nil && r.due() {
		r.held = true
		held.ack = &holding{r.receipt, r.share}
	}
	return held
}

// Ack acknowledges a message that Hold has returned. Any order will do, and the wire
// has the order of arrival. Once the connection has ended it does nothing: the server
// sends the message again. Nor does it for messages at QoS 0, or a second time.
func (m *Message) Ack() {
	if m.c == nil {
		return
	}
	m.c.mu.Lock()
	h, l := m.ack, m.c.link
	m.ack = nil
	if h != nil {
		m.c.conclude(h.receipt, h.share, nil)
	}
	m.c.mu.Unlock()
	if h != nil && l != nil {
		l.push()
	}
}

// bytesOf is a view of s, not to be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
