package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// patience is how long a broker may take to answer, or to take what is published.
const patience = 30 * time.Second

var (
	errEnds   = errors.New("the broker ends the connection")
	errSilent = fmt.Errorf("the broker does not answer for %v", patience)
)

// client is who connects.
type client struct {
	id        string
	keepAlive uint16 // seconds
	room      int    // bytes to read at once
}

// wire is a connection to the broker, read by one goroutine at a time.
type wire struct {
	net.Conn
	clientID string
	version  packets.Version
	in       frame.Splitter
	buf      []byte
	out      []byte // is written at the end of a turn
}

func dial(ctx context.Context, c *Config, who client) (*wire, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errSilent)
	defer cancel()
	conn, err := c.Dial(ctx)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn, clientID: who.id, version: c.Version, buf: make([]byte, who.room)}
	w.in.Version, w.in.From = c.Version, packets.Server
	hello := packets.Connect{ClientID: []byte(who.id), CleanStart: true, KeepAlive: who.keepAlive}
	if c.Username != "" {
		hello.HasUsername, hello.Username = true, []byte(c.Username)
		hello.HasPassword, hello.Password = true, []byte(c.Password)
	}
	if c.Version == packets.V5 {
		hello.Props.SetReceiveMaximum(65535)
	}
	w.out = hello.AppendTo(w.out, c.Version)
	var ack packets.Connack
	err = w.await(ctx, packets.TypeConnack, func(first byte, body []byte) error {
		if err := ack.Decode(first, body, c.Version); err != nil || ack.Reason == packets.Success {
			return err
		}
		if c.Version != packets.V5 {
			ack.Reason = packets.ReturnCode(ack.Reason).ReasonCode()
		}
		return fmt.Errorf("the broker refuses the connection: %v", ack.Reason)
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return w, nil
}

// subscribe returns when the broker has granted the QoS for every filter.
func (w *wire) subscribe(ctx context.Context, qos packets.QoS, filters ...string) error {
	w.request(qos, filters)
	return w.await(ctx, packets.TypeSuback, func(first byte, body []byte) error {
		return w.granted(first, body, qos, filters)
	})
}

// request appends a SUBSCRIBE to out.
func (w *wire) request(qos packets.QoS, filters []string) {
	s := packets.Subscribe{PacketID: 1}
	for _, f := range filters {
		s.Filters = append(s.Filters, packets.Subscription{Filter: []byte(f), QoS: qos})
	}
	w.out = s.AppendTo(w.out, w.version)
}

// granted looks at a SUBACK.
func (w *wire) granted(first byte, body []byte, qos packets.QoS, filters []string) error {
	var ack packets.Suback
	if err := ack.Decode(first, body, w.version); err != nil {
		return err
	}
	if len(ack.Reasons) != len(filters) {
		return fmt.Errorf("the broker answers %d reason codes to %d filters", len(ack.Reasons), len(filters))
	}
	for i, granted := range ack.Reasons {
		if granted != packets.ReasonCode(qos) {
			return fmt.Errorf("the broker answers 0x%02X (%v) to SUBSCRIBE %s at QoS %d", byte(granted), granted, filters[i], qos)
		}
	}
	return nil
}

// ping returns when the broker has handled all that was sent.
func (w *wire) ping(ctx context.Context) error {
	var p packets.Pingreq
	w.out = p.AppendTo(w.out, w.version)
	return w.await(ctx, packets.TypePingresp, func(byte, []byte) error { return nil })
}

// leave disconnects, and returns when the broker has ended the connection. So it is the
// end of the broker that lingers for a minute, and never is a port missing for a new
// connection.
func (w *wire) leave(ctx context.Context) error {
	var p packets.Disconnect
	w.out = p.AppendTo(w.out, w.version)
	return w.patiently(ctx, "the end", func() error {
		err := w.flush()
		for err == nil {
			err = w.turn(func(byte, []byte) error { return nil })
		}
		if errors.Is(err, errEnds) {
			return nil
		}
		return err
	})
}

// await writes what is in out, reads until a packet of type t has come, and has
// that handled. Other packets are passed over.
func (w *wire) await(ctx context.Context, t packets.Type, handle func(first byte, body []byte) error) error {
	return w.patiently(ctx, t.String(), func() error {
		err := w.flush()
		for come := false; !come && err == nil; {
			err = w.turn(func(first byte, body []byte) error {
				if packets.Type(first>>4) != t {
					return nil
				}
				come = true
				return handle(first, body)
			})
		}
		return err
	})
}

// patiently calls do, and closes the connection when that takes too long.
func (w *wire) patiently(ctx context.Context, what string, do func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errSilent)
	defer cancel()
	defer context.AfterFunc(ctx, func() { w.Close() })()
	err := do()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("%s waits for %s: %w", w.clientID, what, err)
}

// turn reads once, has every packet handled that is whole, and writes what that has
// appended to out.
func (w *wire) turn(handle func(first byte, body []byte) error) error {
	n, err := w.Read(w.buf)
	if err != nil {
		return ended(err)
	}
	w.in.Feed(w.buf[:n])
	for {
		first, body, ok := w.in.Next()
		if !ok {
			break
		}
		if packets.Type(first>>4) == packets.TypeDisconnect {
			return w.disconnected(first, body)
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

func (w *wire) disconnected(first byte, body []byte) error {
	var p packets.Disconnect
	if err := p.Decode(first, body, w.version); err != nil {
		return err
	}
	return fmt.Errorf("%w: %v", errEnds, p.Reason)
}

func (w *wire) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.Write(w.out)
	w.out = w.out[:0]
	return ended(err)
}

// ended says in one way what different networks say in different ones.
func ended(err error) error {
	for _, end := range []error{io.EOF, io.ErrClosedPipe, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return errEnds
		}
	}
	return err
}
