package broker

import (
	"sync"

	"github.com/fletchmq/fletch/broker/session"
	"github.com/fletchmq/fletch/broker/topics"
	"github.com/fletchmq/fletch/packets"
	"github.com/fletchmq/fletch/packets/frame"
)

// turn is what one goroutine needs to handle packets and to publish: memory, and
// the clients to which it has given something. Whoever takes one out of turns
// flushes it at its end, and before it waits for anything.
type turn struct {
	session.Turn
	lane     int          // of the journal, in which this turn hears that something is stored
	put      bool         // something is to be stored for the packet that is handled
	received Traffic      // not yet counted for all
	packed   *frame.Frame // has the packet that is handled, nil unless that is beside a loop
	onward   session.Onward
	relayed  bool // something of the piece that is handled is in memory of this turn
	dec      packets.FromClient
	answer   answers
	replays  []session.Replay
	routes   *routes                        // nil unless there are many packets in this turn
	clients  []topics.Subscription[*client] // that match
	groups   []topics.Subscription[*group]  // that match
}

// answers are the packets sent back, each used again and again.
type answers struct {
	connack  packets.Connack
	puback   packets.Puback
	pubrec   packets.Pubrec
	pubrel   packets.Pubrel
	pubcomp  packets.Pubcomp
	suback   packets.Suback
	unsuback packets.Unsuback
	pingresp packets.Pingresp
}

var turns = sync.Pool{New: func() any { return new(turn) }}

// begin is a turn of its own, for who ends it.
func begin() *turn { return turns.Get().(*turn) }

// end is the end of a turn, whatever has happened in it.
func (t *turn) end() {
	t.Flush()
	t.Crowded = nil
	turns.Put(t)
}

// forget gives back what packets have left in memory.
func (t *turn) forget() {
	t.dec, t.answer, t.replays = packets.FromClient{}, answers{}, nil
}
