// Package clienttest is the other end of a client under test: a server that does
// what the test says, right or wrong. A [Listener] is for a Client of Dial or Start,
// which connects again: its Dial is Config.Dialer, and its Accept gives a [Peer] for
// each connection. [Pipe] is for a Client of New, and [New] for a transport that is
// there already. A test that wants a server that does as it should takes package broker.
package clienttest

import (
	"io"
	"net"
	"testing"

	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// Peer is a scripted server. Its methods block until the client takes part, and
// end the test when it does not do as it should.
type Peer struct {
	// Version is that of the packets read and sent.
	Version packets.Version

	t      testing.TB
	conn   net.Conn
	frames *frame.Reader
	dec    packets.FromClient
	reset  func() // nil if it is not from a Listener
}

// Pipe is a transport in memory without any buffer: what one end writes, the
// other has to read. Both ends are closed with the test.
func Pipe(t testing.TB, v packets.Version) (net.Conn, *Peer) {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, New(t, far, v)
}

// New is a Peer on its end of a transport.
func New(t testing.TB, conn net.Conn, v packets.Version) *Peer {
	p := &Peer{Version: v, t: t, conn: conn, frames: frame.NewReader(conn)}
	p.frames.Version = v
	return p
}

// Next is the next packet of the client. It is good until the next call.
func (p *Peer) Next() packets.Packet {
	p.t.Helper()
	first, body, err := p.frames.Next()
	if err != nil {
		p.t.Fatalf("peer: %v where a packet should be", err)
	}
	packet, err := p.dec.Decode(first, body, p.Version)
	if err != nil {
		p.t.Fatalf("peer: %v", err)
	}
	return packet
}

// Expect is Next, and the packet is this one, as its String says it.
func (p *Peer) Expect(want string) {
	p.t.Helper()
	if got := p.Next().String(); got != want {
		p.t.Fatalf("peer: got %s, want %s", got, want)
	}
}

// ExpectEnd waits for the client to close, and for no packet before that.
func (p *Peer) ExpectEnd() {
	p.t.Helper()
	first, _, err := p.frames.Next()
	if err == nil {
		p.t.Fatalf("peer: got %v, want the end", packets.Type(first>>4))
	}
	if err != io.EOF {
		p.t.Fatalf("peer: got %v, want the end", err)
	}
}

// Send sends packets to the client.
func (p *Peer) Send(all ...packets.Packet) {
	p.t.Helper()
	var b []byte
	for _, packet := range all {
		b = packet.AppendTo(b, p.Version)
	}
	p.Write(b)
}

// Write sends bytes to the client.
func (p *Peer) Write(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatalf("peer: %v", err)
	}
}

// Accept takes CONNECT and grants it with ack, or the zero CONNACK if that is
// nil.
func (p *Peer) Accept(ack *packets.Connack) {
	p.t.Helper()
	if got := p.Next(); got.Type() != packets.TypeConnect {
		p.t.Fatalf("peer: got %v, want CONNECT", got)
	}
	if ack == nil {
		ack = new(packets.Connack)
	}
	p.Send(ack)
}

// Ignore reads to the end and answers nothing.
func (p *Peer) Ignore() { io.Copy(io.Discard, p.conn) }

// Close closes the connection as a server that is gone does.
func (p *Peer) Close() { p.conn.Close() }

// Reset breaks the connection off as a server that is killed does: the client reads
// and writes no more than an ECONNRESET. It is for a Peer that [Listener.Accept] has
// given.
func (p *Peer) Reset() {
	p.t.Helper()
	if p.reset == nil {
		p.t.Fatal("peer: Reset of a Peer that is not from a Listener")
	}
	p.reset()
}
