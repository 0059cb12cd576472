package load

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// patience is how long a broker may take to answer a CONNECT, SUBSCRIBE or PUBLISH, or
// to deliver the next message once the publishers have ended.
const patience = 10 * time.Second

// wire is a connection to the broker, read by one goroutine at a time.
type wire struct {
	net.Conn
	version packets.Version
	in      frame.Splitter
	buf     []byte
	out     []byte // is written at the end of a turn
}

// dial connects, with a buffer of size bytes for what is read at once.
func dial(ctx context.Context, c *Config, clientID string, size int) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := c.Dial(ctx)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn, version: c.Version, buf: make([]byte, size)}
	w.in.Version, w.in.From = c.Version, packets.Server
	hello := packets.Connect{ClientID: []byte(clientID), CleanStart: true}
	if c.Username != "" {
		hello.HasUsername, hello.Username = true, []byte(c.Username)
		hello.HasPassword, hello.Password = true, []byte(c.Password)
	}
	if c.Version == packets.V5 {
		hello.Props.SetReceiveMaximum(65535)
	}
	w.out = hello.AppendTo(w.out, c.Version)
	var ack packets.Connack
	err = w.await(packets.TypeConnack, func(first byte, body []byte) error {
		return ack.Decode(first, body, c.Version)
	})
	if err == nil && ack.Reason != packets.Success {
		err = fmt.Errorf("the broker refuses %s: %v", clientID, ack.Reason)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return w, nil
}

// subscribe returns when the broker has granted the QoS for every filter.
func (w *wire) subscribe(qos packets.QoS, filters ...string) error {
	s := packets.Subscribe{PacketID: 1}
	for _, f := range filters {
		s.Filters = append(s.Filters, packets.Subscription{Filter: []byte(f), QoS: qos})
	}
	w.out = s.AppendTo(w.out, w.version)
	return w.await(packets.TypeSuback, func(first byte, body []byte) error {
		var ack packets.Suback
		if err := ack.Decode(first, body, w.version); err != nil {
			return err
		}
		for i, granted := range ack.Reasons {
			if granted != packets.ReasonCode(qos) {
				return fmt.Errorf("the broker answers %v to SUBSCRIBE %s at QoS %d", granted, filters[i], qos)
			}
		}
		return nil
	})
}

// await writes what is in out, reads until a packet of type t has come, and has
// that handled.
func (w *wire) await(t packets.Type, handle func(first byte, body []byte) error) error {
	w.SetDeadline(time.Now().Add(patience))
	defer w.SetDeadline(time.Time{})
	if err := w.flush(); err != nil {
		return err
	}
	for come := false; !come; {
		err := w.turn(func(first byte, body []byte) error {
			if packets.Type(first>>4) != t {
				return nil
			}
			come = true
			return handle(first, body)
		})
		if err != nil {
			return fmt.Errorf("waiting for %v: %w", t, err)
		}
	}
	return nil
}

// turn reads once, has every packet handled that is whole, and writes what that has
// appended to out.
func (w *wire) turn(handle func(first byte, body []byte) error) error {
	n, err := w.Read(w.buf)
	if err != nil {
		return err
	}
	w.in.Feed(w.buf[:n])
	for {
		first, body, ok := w.in.Next()
		if !ok {
			break
		}
		if err := handle(first, body); err != nil {
			return err
		}
	}
	if err := w.in.Err(); err != nil {
		return err
	}
	return w.flush()
}

func (w *wire) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.Write(w.out)
	w.out = w.out[:0]
	return err
}
