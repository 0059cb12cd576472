package broker

import (
	"context"
	"net"
	"sync"
	"time"
)

// rate lets connections in, so many in a second.
type rate struct {
	mu     sync.Mutex
	full   time.Time // when as many as a second's worth may come at once again
	waited uint64    // times
}

// book counts a connection, and gives how long the next one has to wait, and how
// often one has had to.
func (r *rate) book(now time.Time, perSecond int) (wait time.Duration, waited uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full.Before(now) {
		r.full = now
	}
	one := time.Second / time.Duration(perSecond)
	r.full = r.full.Add(one)
	wait = max(r.full.Add(one).Sub(now)-time.Second, 0)
	if wait > 0 {
		r.waited++
	}
	return wait, r.waited
}

// slowDown is for a connection that ln has accepted. It waits until it is time for
// the next.
func (b *Broker) slowDown(ctx context.Context, ln net.Listener) {
	most := b.config.ConnectRate
	if most == 0 {
		return
	}
	wait, waited := b.rate.book(time.Now(), most)
	if wait == 0 {
		return
	}
	if powerOfTwo(waited) {
		b.config.Logger.Warn("connections wait", "limit", "ConnectRate", "value", most,
			"listener", ln.Addr(), "wait", wait, "times", waited)
	}
	b.pause(ctx, wait)
}
