//go:build linux

package main

import (
	"encoding/binary"
	"net"
	"sync"

	"github.com/fletchmq/fletch/packets"
)

// flood is PUBLISHes encoded once, and written again and again with other numbers.
type flood struct {
	source
	batch  []byte
	step   int // bytes of a packet
	number int // where in it the payload is, with its number
	id     int // where in it the packet identifier is, 0: nowhere
	credit *credit
}

func newFlood(r row, topic string, v packets.Version, c *credit) *flood {
	p := packets.Publish{QoS: packets.QoS(r.QoS), Topic: []byte(topic), PacketID: 1, Payload: make([]byte, r.Size)}
	one := p.AppendTo(nil, v)
	f := &flood{step: len(one), number: len(one) - r.Size}
	if r.QoS > 0 {
		f.credit, f.id = c, f.number-2
		if v == packets.V5 {
			f.id-- // before the length of the properties
		}
	}
	const bytes = 64 << 10
	for len(f.batch) < bytes {
		f.batch = append(f.batch, one...)
	}
	return f
}

// run writes as fast as conn takes it, until that is closed.
func (f *flood) run(conn net.Conn) {
	for {
		n := len(f.batch) / f.step
		if f.credit != nil {
			n = f.credit.take(n)
		}
		for i := range n {
			p := f.batch[i*f.step:]
			if f.id > 0 {
				binary.BigEndian.PutUint16(p[f.id:], uint16(1+f.sent%65535))
			}
			f.fill(p[f.number:])
		}
		if _, err := conn.Write(f.batch[:n*f.step]); err != nil || n == 0 {
			return
		}
	}
}

// credit is how many messages may be sent before one is acknowledged.
type credit struct {
	mu    sync.Mutex
	more  sync.Cond
	left  int
	ended bool
}

func newCredit(n int) *credit {
	c := &credit{left: n}
	c.more.L = &c.mu
	return c
}

// take waits for credit, and gives as much as there is, up to most. At the end it is 0.
func (c *credit) take(most int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.left == 0 && !c.ended {
		c.more.Wait()
	}
	n := min(c.left, most)
	c.left -= n
	if c.ended {
		return 0
	}
	return n
}

func (c *credit) give(n int) {
	c.mu.Lock()
	c.left += n
	c.mu.Unlock()
	c.more.Signal()
}

func (c *credit) end() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.more.Signal()
}
