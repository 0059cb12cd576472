package load

import (
	"fmt"
	"math/bits"
	"sync/atomic"
)

// gate holds a source back. One goroutine passes it, many open it.
type gate struct {
	sent      atomic.Uint64 // messages
	expected  atomic.Int64  // deliveries of them
	delivered atomic.Int64  // deliveries, with what was lost before one
	acked     atomic.Uint64 // messages at QoS 1 and 2, with all before them
	waiting   atomic.Bool
	opened    chan struct{}

	// of who reads acknowledgements
	early uint64 // one bit for each message from acked on
}

// Packet identifiers are 1 to 65535 in turn. One is in use again only when all that
// came before its next message are acknowledged, as window is less than that.
const identifiers = 1<<16 - 1

func identifier(message uint64) uint16 { return uint16(message%identifiers) + 1 }

// acknowledge notes that the exchange with that packet identifier is over.
func (g *gate) acknowledge(id uint16) error {
	acked := g.acked.Load()
	ahead := (uint64(id) + identifiers - uint64(identifier(acked))) % identifiers
	if id == 0 || ahead >= g.sent.Load()-acked || g.early>>ahead&1 != 0 {
		return fmt.Errorf("the broker acknowledges packet identifier %d, which is not in use", id)
	}
	g.early |= 1 << ahead
	done := bits.TrailingZeros64(^g.early)
	g.early >>= done
	g.acked.Add(uint64(done))
	return nil
}

// await returns when there is room, or false when stop is closed.
func (g *gate) await(room func() bool, stop <-chan struct{}) bool {
	for {
		select {
		case <-stop:
			return false
		default:
		}
		if room() {
			return true
		}
		g.waiting.Store(true)
		if room() { // which open may not have seen waiting
			g.waiting.Store(false)
			return true
		}
		select {
		case <-g.opened:
		case <-stop:
			return false
		}
	}
}

// open is called when there may be room.
func (g *gate) open() {
	if g.waiting.Load() && g.waiting.CompareAndSwap(true, false) {
		select {
		case g.opened <- struct{}{}:
		default:
		}
	}
}
