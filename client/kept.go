package client

import (
	"encoding/binary"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
)

// What a Store has: the kind of a record is the first byte of its key, and the rest a
// number. They are loaded in this order.
const (
	keptOwner    = iota << 56 // of the store: the client identifier
	keptReleased              // message at QoS 2 whose PUBREC came, by the order of the PUBRECs: its packet identifier
	keptMessage               // message to be published, in the order of sending: its packet identifier, and PUBLISH as in 5.0
	keptHeld                  // message at QoS 2 that is handled and whose PUBREL has not come, by its packet identifier

	keptKind   = 0xff << 56
	keptNumber = 1<<56 - 1
)

// mostStored is how many messages are stored at most: half of the packet identifiers,
// of which each has one.
const mostStored = 32_768

// storeMessage has p stored, and then sent.
func (c *Client) storeMessage(p *publishing) {
	s := &c.stored
	for s.id++; s.reserved.has(s.id) || !c.out.Free(flow.OutID(s.id)); s.id++ {
	}
	s.reserved.flip(s.id)
	s.number++
	p.publish.PacketID, p.key = s.id, keptMessage|s.number
	p.publish.Dup = false
	s.value = p.publish.AppendTo(binary.BigEndian.AppendUint16(s.value[:0], s.id), packets.V5)
	s.batch.Put(p.key, s.value)
	c.after(consequence{message: p})
}

// unstore takes p out of the store, unless the Client has ended.
func (c *Client) unstore(p *publishing) {
	if p.key == 0 || c.over {
		return
	}
	s := &c.stored
	if s.batch.Len() == 0 {
		s.lazy.Reset(commitLate)
	}
	s.batch.Delete(p.key)
	s.reserved.flip(p.publish.PacketID)
	p.key = 0
}

// released is for a PUBREC: the message is not sent again, and PUBREL is sent
// [MQTT-4.3.3-4].
func (c *Client) released(l *link, p *publishing, id flow.OutID) {
	if p.key == 0 {
		l.pubrel(uint16(id), packets.Success)
		return
	}
	s := &c.stored
	s.order++
	s.batch.Delete(p.key)
	p.key = keptReleased | s.order
	s.batch.Put(p.key, binary.BigEndian.AppendUint16(nil, uint16(id)))
	c.after(consequence{pubrel: id})
}

// releasedAgain is for a PUBREC that has come before, and may not be stored yet.
func (c *Client) releasedAgain(l *link, id flow.OutID) {
	if c.cfg.Store == nil {
		l.pubrel(uint16(id), packets.Success)
		return
	}
	c.after(consequence{pubrel: id})
}

// accept is for a message that has been handled. At QoS 2 that is stored before its
// PUBREC, so that it is not handled again.
func (c *Client) accept(receipt flow.Receipt, reason packets.ReasonCode) {
	id, qos, awaited := c.in.Awaits(receipt)
	if awaited && qos == packets.ExactlyOnce && c.cfg.Store != nil && reason < packets.UnspecifiedError {
		c.stored.batch.Put(keptHeld|uint64(id), nil)
		c.after(consequence{handled: receipt})
		return
	}
	c.in.Done(receipt, reason)
	c.acknowledge()
}

// unhold is for a PUBREL: what comes with its identifier is a new message, and so
// PUBCOMP waits until that is stored.
func (c *Client) unhold(l *link, id flow.InID) {
	if c.cfg.Store == nil || !c.in.Keeps(id) {
		l.pubcomp(uint16(id), c.in.Pubrel(id))
		return
	}
	c.stored.batch.Delete(keptHeld | uint64(id))
	c.after(consequence{pubcomp: id})
}

// forgetHeld is for a session that the server has lost.
func (c *Client) forgetHeld() {
	if c.cfg.Store == nil {
		return
	}
	for id := range c.in.Held() {
		c.stored.batch.Delete(keptHeld | uint64(id))
	}
	nudge(c.stored.wake)
}
