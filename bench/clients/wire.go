//go:build linux

package main

import (
	"fmt"
	"net"
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// wire is a connection without a library, read by one goroutine.
type wire struct {
	net.Conn
	version packets.Version
	decode  func(first byte, body []byte, v packets.Version) (packets.Packet, error)
	in      frame.Splitter
	buf     []byte
	out     []byte // to be written at the end of a turn
}

// turn reads once, has every packet handled that has come, and writes what that has
// appended to out.
func (w *wire) turn(handle func(packets.Packet) error) error {
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
		p, err := w.decode(first, body, w.version)
		if err == nil {
			err = handle(p)
		}
		if err != nil {
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

func newWire(conn net.Conn) *wire { return &wire{Conn: conn, buf: make([]byte, 64<<10)} }

// subscribed connects to a broker and subscribes at QoS 0.
func subscribed(address string, v packets.Version, filter string) (*wire, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	w := newWire(conn)
	w.version, w.in.Version, w.in.From = v, v, packets.Server
	w.decode = new(packets.FromServer).Decode
	w.out = (&packets.Connect{CleanStart: true}).AppendTo(w.out, v)
	w.out = (&packets.Subscribe{PacketID: 1, Filters: []packets.Subscription{{Filter: []byte(filter)}}}).AppendTo(w.out, v)
	w.SetDeadline(time.Now().Add(patience))
	defer w.SetDeadline(time.Time{})
	err = w.flush()
	for granted := false; err == nil && !granted; {
		err = w.turn(func(p packets.Packet) error {
			switch p := p.(type) {
			case *packets.Connack:
				if p.Reason != packets.Success {
					return fmt.Errorf("unexpected %v", p)
				}
			case *packets.Suback:
				granted = true
			}
			return nil
		})
	}
	if err != nil {
		w.Close()
	}
	return w, err
}
