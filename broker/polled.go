package broker

import (
	"errors"
	"net"
	"time"

	"github.com/fletchmq/fletch/broker/loop"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
	"github.com/fletchmq/fletch/packets/wire"
)

// polled is a connection on an event loop, whose goroutine reads it and handles
// its packets. What may have to wait, such as CONNECT, and the end, is done by a
// goroutine beside the loop. The connection is lent to that one until then, and
// is not read. Who owes its line a flush writes, whatever goroutine that is.
//
// Its fields belong to the loop, or to whom it is lent.
type polled struct {
	conn
	home   *home
	socket loop.Socket
	split  *frame.Splitter // has what came of a packet, nil if nothing has
	rest   *frame.Frame    // has been read and not handled, nil if nothing has
	timer  loop.Timer
	since  time.Duration // as loop.Now: patience began, or the linger
	came   int32         // bytes since then

	unread    bool // there may be something to read
	last      bool // and no more than that
	again     bool // the loop is to say when to read on
	lent      bool
	crowded   bool // as mustWait says
	relieved  bool // since it was lent; of the loop
	written   bool // nothing is written any more
	lingering bool // the peer is to read the farewell, and close
	drained   bool // nothing more comes
	aborted   bool // nothing is waited for any more

	blocked *writer // that the socket has no room for
}

// home is the loop that a connection is on.
type home struct {
	*loop.Loop
	turn    *turn
	split   *frame.Splitter // with nothing in it, nil while a connection has it
	handled int             // bytes since the last flush
	buf     []byte          // what is read in a turn
	used    int             // bytes of buf that are relayed at the end of the turn
	piece   []byte          // of buf that is handled, nil while none is
	members int             // connections; under Broker.mu
}

// readSize is how much is read at once, in bytes.
const readSize = 64 << 10

// burst is how many bytes are handled, more or less, before those who got
// something in this turn are flushed.
const burst = 256 << 10

// endTurn flushes who got something.
func (h *home) endTurn() {
	h.turn.Flush()
	h.handled, h.used = 0, 0
}

// room is memory to read to, good until the next call unless it is kept.
func (h *home) room() []byte {
	if len(h.buf)-h.used < readSize {
		h.endTurn()
	}
	return h.buf[h.used:][:readSize]
}

// keep lets the piece that has been handled stay until the end of the turn, if
// something of it is relayed.
func (h *home) keep() {
	if h.turn.relayed {
		h.used = len(h.buf) - cap(h.piece) + len(h.piece)
		h.turn.relayed = false
	}
	h.piece = nil
}

// handle counts n bytes.
func (h *home) handle(n int) {
	if h.handled += n; h.handled >= burst {
		h.endTurn()
	}
}

func newPolled(b *Broker, h *home, s loop.Socket) *polled {
	p := &polled{home: h, socket: s}
	p.init(b, p)
	return p
}

// begin is the first that the loop hears of the connection.
func (p *polled) begin() {
	p.since = p.home.Now()
	if err := p.home.Add(p.socket, p); err != nil {
		p.b.config.Logger.Warn("connection refused", "remote", p.remoteAddr(), "error", err)
		p.socket.Close()
		p.lent = true // for good: somebody may be about to end it
		p.b.finished(&p.conn)
		return
	}
	p.setTimer()
}

// setTimer is for the time when there is something to do though nothing happens.
func (p *polled) setTimer() {
	var at time.Duration
	if t := p.patienceEnds(); t > 0 {
		at = t
	}
	if w := p.blocked; w != nil && (at == 0 || w.since+p.b.config.WriteTimeout < at) {
		at = w.since + p.b.config.WriteTimeout
	}
	p.home.SetTimer(p, at)
}

// patienceEnds is when the peer has had enough time, 0 if it has any.
func (p *polled) patienceEnds() time.Duration {
	switch {
	case p.lingering:
		return p.since + lingerTime
	case !p.lent && !p.crowded && p.patience > 0: // while it is lent, patience is another's
		return p.since + p.patience
	}
	return 0
}

// Timer is of loop.Handler.
func (p *polled) Timer() *loop.Timer { return &p.timer }

// Due is of loop.Handler.
func (p *polled) Due() {
	now, ends := p.home.Now(), p.patienceEnds()
	late := ends > 0 && now >= ends
	switch w := p.blocked; {
	case late && p.lingering:
		p.giveUp()
		return
	case late:
		p.finish(p.whyEnd(nil, true))
	case w != nil && now >= w.since+p.b.config.WriteTimeout:
		p.fail(p.unblock(), errWriteTimeout)
	}
	p.setTimer()
}

// take is of link, as what follows is.
func (p *polled) take(body []byte) *frame.Frame {
	if f := p.turn.packed; f != nil {
		f.Retain()
		return f
	}
	return p.split.Take(body)
}

func (p *polled) whole(size int) []byte {
	if p.turn != p.home.turn { // it is handled beside the loop
		return nil
	}
	piece := p.home.piece
	if piece == nil {
		return nil
	}
	end := len(piece) - p.split.Left()
	begin := end - size - wire.SizeVarInt(uint32(size)) - 1
	if begin < 0 || packets.Type(piece[begin]>>4) != packets.TypePublish {
		return nil // it came in two pieces, or has a longer fixed header than it needs
	}
	return piece[begin:end]
}

func (p *polled) notice() {
	p.wake()
	p.home.Post(p.noticed)
}

func (p *polled) noticed() {
	if p.lent || p.lingering {
		return
	}
	cause := p.whyEnd(nil, false)
	if errors.Is(cause, errTakenOver) {
		p.readLast()
	}
	if !p.lent {
		p.finish(cause)
	}
}

func (p *polled) abort() {
	p.kill(net.ErrClosed)
	p.home.Post(func() {
		p.aborted = true
		if p.lingering {
			p.giveUp()
		}
	})
}

func (p *polled) remoteAddr() net.Addr { return p.socket.RemoteAddr() }

// peerName is empty: certificates are for TLS, which is not on a loop.
func (p *polled) peerName() string { return "" }
