package client

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/flow"
	"github.com/fletchmq/fletch/packets/frame"
)

var (
	errIdentifier = errors.New("its packet identifier is not one, or there twice")
	errMessage    = errors.New("it is not a whole PUBLISH at QoS 1 or 2")
)

func damaged(key uint64, err error) error { return fmt.Errorf("key %x is damaged: %w", key, err) }

// identifiers is a set of packet identifiers.
type identifiers [1 << 16 / 64]uint64

func (s *identifiers) has(id uint16) bool { return s[id/64]>>(id%64)&1 != 0 }

// flip puts in id, or takes it out.
func (s *identifiers) flip(id uint16) { s[id/64] ^= 1 << (id % 64) }

// load begins with what an earlier process has left in the Store.
func (c *Client) load() error {
	if c.cfg.Store == nil {
		return nil
	}
	c.stored.reserved = new(identifiers)
	c.stored.reserved.flip(0) // it is none
	owner := ""
	err := c.cfg.Store.Load(func(key uint64, value []byte) error {
		switch n := key & keptNumber; key & keptKind {
		case keptOwner:
			owner = string(value)
		case keptReleased:
			return c.loadReleased(n, key, value)
		case keptMessage:
			return c.loadMessage(n, key, value)
		case keptHeld:
			if n == 0 || n > math.MaxUint16 {
				return damaged(key, errIdentifier)
			}
			c.in.Restore(flow.InID(n))
		default:
			return fmt.Errorf("key %x is none of this version", key)
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("client: Store: %w", err)
	case owner == "":
		c.stored.batch.Put(keptOwner, []byte(c.cfg.ClientID))
	case owner != c.cfg.ClientID:
		return invalid("ClientID %q: the Store has the session of %q", c.cfg.ClientID, owner)
	}
	if n := c.out.InFlight(); n > 0 {
		c.report(slog.LevelInfo, "messages of an earlier process go on", "messages", n)
	}
	c.storing()
	return nil
}

func (c *Client) loadReleased(n, key uint64, value []byte) error {
	if len(value) != 2 {
		return damaged(key, errIdentifier)
	}
	c.stored.order = n
	p := &publishing{key: key}
	p.publish.PacketID = binary.BigEndian.Uint16(value)
	return c.restore(p, flow.AwaitPubcomp, len(value))
}

func (c *Client) loadMessage(n, key uint64, value []byte) error {
	if len(value) < 2 {
		return damaged(key, errIdentifier)
	}
	c.stored.number, c.stored.id = n, binary.BigEndian.Uint16(value)
	p := &publishing{key: key, memory: frame.Copy(value[2:])}
	s := frame.Splitter{Version: packets.V5}
	s.Feed(p.memory.Bytes())
	first, body, ok := s.Next()
	if !ok || packets.Type(first>>4) != packets.TypePublish {
		return damaged(key, errMessage)
	}
	if err := p.publish.Decode(first, body, packets.V5); err != nil {
		return damaged(key, err)
	}
	p.publish.PacketID = c.stored.id
	switch p.publish.QoS {
	case packets.AtLeastOnce:
		return c.restore(p, flow.AwaitPuback, len(value))
	case packets.ExactlyOnce:
		return c.restore(p, flow.AwaitPubrec, len(value))
	}
	return damaged(key, errMessage)
}

// restore goes on with an exchange. What is stored may have been sent.
func (c *Client) restore(p *publishing, state flow.State, size int) error {
	id := p.publish.PacketID
	if !c.out.Restore(flow.Exchange[exchange]{M: exchange{p: p}, ID: flow.OutID(id), State: state}) {
		return damaged(p.key, errIdentifier)
	}
	c.stored.reserved.flip(id)
	p.alone, p.restored, p.sent, p.cost = true, true, true, size+messageCost
	c.kept++
	c.bytes += p.cost
	return nil
}
