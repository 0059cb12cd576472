package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// patience bounds all that is expected of a broker that is up.
const patience = 30 * time.Second

var (
	errGone = errors.New("the connection has ended")           // the client goes on with another
	errIdle = errors.New("nothing has come for a short while") // the connection goes on
)

// world is what all clients share.
type world struct {
	dial      func(ctx context.Context) (net.Conn, error)
	ledger    *ledger
	gate      *gate
	finishing chan struct{} // closed: publish nothing new, and come to an end
	retired   chan struct{} // closed: there are no publishers any more
}

// finished reports whether c, of world, is closed.
func finished(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// link is a connection of a client, used by one goroutine.
type link struct {
	*world
	ctx    context.Context
	stop   func() bool
	client string
	nc     net.Conn
	in     *frame.Reader
	dec    packets.FromServer
	v      packets.Version
	life   int // of the broker
	out    []byte
}

// join connects when the broker is up, as often as it takes. Any error is the end of
// the client.
func (w *world) join(ctx context.Context, v packets.Version, connect *packets.Connect) (*link, *packets.Connack, error) {
	for {
		life, err := w.gate.wait(ctx)
		if err != nil {
			return nil, nil, err
		}
		l := &link{world: w, ctx: ctx, client: string(connect.ClientID), v: v, life: life}
		l.nc, err = w.dial(ctx)
		if err != nil {
			l.broken("CONNECT", err)
			continue
		}
		l.stop = context.AfterFunc(ctx, func() { l.nc.Close() })
		l.in = frame.NewReader(l.nc)
		l.in.From, l.in.Version = packets.Server, v
		if connack, err := l.greet(connect); err == nil {
			return l, connack, nil
		}
		l.close()
	}
}

func (l *link) greet(connect *packets.Connect) (*packets.Connack, error) {
	if !connect.CleanStart {
		l.ledger.connecting(l.client)
	}
	l.add(connect)
	if err := l.flush(); err != nil {
		return nil, err
	}
	p, err := l.next()
	if err != nil {
		return nil, err
	}
	connack, ok := p.(*packets.Connack)
	if !ok || connack.Reason != packets.Success {
		return nil, l.broken("CONNECT", fmt.Errorf("got %v", p))
	}
	if !connect.CleanStart {
		l.ledger.connected(l.client, connack.SessionPresent)
	}
	return connack, nil
}

func (l *link) close() {
	l.stop()
	l.nc.Close()
}

// add is for a packet to go out with the next flush.
func (l *link) add(p packets.Packet) { l.out = p.AppendTo(l.out, l.v) }

func (l *link) flush() error {
	if len(l.out) == 0 {
		return nil
	}
	l.nc.SetWriteDeadline(time.Now().Add(patience))
	_, err := l.nc.Write(l.out)
	l.out = l.out[:0]
	if err != nil {
		return l.broken("writing", err)
	}
	return nil
}

// next is the next packet, good until the next call. That there is none is against
// the rules.
func (l *link) next() (packets.Packet, error) {
	p, err := l.within(patience)
	if errors.Is(err, errIdle) {
		l.ledger.fail(l.client, "no answer within %v", patience)
		return nil, errGone
	}
	return p, err
}

// within is the next packet, or errIdle.
func (l *link) within(d time.Duration) (packets.Packet, error) {
	l.nc.SetReadDeadline(time.Now().Add(d))
	first, body, err := l.in.Next()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errIdle
	}
	if err != nil {
		return nil, l.broken("reading", err)
	}
	p, err := l.dec.Decode(first, body, l.v)
	if err != nil {
		return nil, l.broken("reading", err)
	}
	if p.Type() == packets.TypeDisconnect {
		return nil, l.broken("reading", fmt.Errorf("got %v", p))
	}
	return p, nil
}

// broken is how a connection ends that its client has not ended. While the broker is
// up it has no reason to.
func (l *link) broken(doing string, err error) error {
	if l.ctx.Err() == nil && l.gate.still(l.life) {
		l.ledger.fail(l.client, "%s, when the broker is up: %v", doing, err)
	}
	return errGone
}

func (l *link) unexpected(p packets.Packet) error {
	l.ledger.fail(l.client, "unexpected %v", p)
	return errGone
}
