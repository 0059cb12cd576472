//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// client is a connection, used by one goroutine.
type client struct {
	net.Conn
	present        bool // CONNACK has said that there was a session
	receiveMaximum int  // of the broker

	in   frame.Splitter
	from packets.FromServer
	buf  []byte
	out  []byte // to be written at the end of a turn
}

// passing is a CONNECT without a session that outlives the connection.
func passing(id string) packets.Connect {
	return packets.Connect{ClientID: []byte(id), CleanStart: true, Version: packets.V5}
}

// lasting is one that goes on with its session.
func lasting(id string) packets.Connect {
	c := packets.Connect{ClientID: []byte(id), Version: packets.V5}
	c.Props.SetSessionExpiryInterval(uint32((24 * time.Hour).Seconds()))
	return c
}

// dial sends CONNECT, and what may follow it at once.
func dial(address string, p packets.Connect, behind ...byte) (*client, error) {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &client{Conn: nc, buf: make([]byte, 16<<10), out: append(p.AppendTo(nil, packets.V5), behind...)}
	c.in.Version, c.in.From = packets.V5, packets.Server
	nc.SetDeadline(time.Now().Add(patience))
	if err = c.flush(); err != nil {
		nc.Close()
	}
	return c, err
}

// connect dials, and waits for CONNACK.
func connect(address string, p packets.Connect) (*client, error) {
	c, err := dial(address, p)
	if err == nil {
		err = c.await(packets.TypeConnack)
	}
	return c, err
}

// subscribed connects and subscribes at once, and waits for SUBACK or, of a topic
// that has one, for the retained message, as until says.
func subscribed(address string, p packets.Connect, filter string, until packets.Type) (*client, error) {
	s := packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte(filter), QoS: packets.AtLeastOnce}}}
	c, err := dial(address, p, s.AppendTo(nil, packets.V5)...)
	if err == nil {
		err = c.await(until)
	}
	return c, err
}

// turn reads once, has every packet handled that has come, and writes what that has
// appended to out.
func (c *client) turn(handle func(packets.Packet) error) error {
	n, err := c.Read(c.buf)
	if err != nil {
		return err
	}
	c.in.Feed(c.buf[:n])
	for {
		first, body, ok := c.in.Next()
		if !ok {
			break
		}
		p, err := c.from.Decode(first, body, packets.V5)
		if err == nil {
			err = handle(p)
		}
		if err != nil {
			return err
		}
	}
	if err := c.in.Err(); err != nil {
		return err
	}
	return c.flush()
}

func (c *client) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.Write(c.out)
	c.out = c.out[:0]
	return err
}

// await returns when a packet of type t has come, and nothing that refuses.
func (c *client) await(t packets.Type) error {
	for came := false; !came; {
		err := c.turn(func(p packets.Packet) error {
			came = came || p.Type() == t
			return c.accepted(p)
		})
		if err != nil {
			c.Close()
			return err
		}
	}
	return nil
}

// accepted is an error for what refuses, and for what nobody waits for.
func (c *client) accepted(p packets.Packet) error {
	switch p := p.(type) {
	case *packets.Connack:
		most, _ := p.Props.ReceiveMaximum()
		c.present, c.receiveMaximum = p.SessionPresent, int(most)
		if p.Reason == packets.Success {
			return nil
		}
	case *packets.Suback:
		if len(p.Reasons) == 1 && p.Reasons[0] <= packets.GrantedQoS2 {
			return nil
		}
	case *packets.Publish:
		if p.Retain {
			return nil
		}
	case *packets.Puback:
		if p.Reason < packets.UnspecifiedError {
			return nil
		}
	}
	return fmt.Errorf("unexpected %v", p)
}

// leave disconnects, and returns when the broker knows.
func (c *client) leave() error {
	defer c.Close()
	c.out = (&packets.Disconnect{}).AppendTo(c.out, packets.V5)
	if err := c.flush(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, c.Conn)
	return err
}
