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
	waited uint64    // connections
}

// book gives the next place: how long to wait for it, and how many have had to.
func (r *rate) book(now time.Time, perSecond int) (wait time.Duration, waited uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full.Before(now) {
		r.full = now
	}
	r.full = r.full.Add(time.Second / time.Duration(perSecond))
	wait = max(r.full.Sub(now)-time.Second, 0)
	if wait > 0 {
		r.waited++
	}
	return wait, r.waited
}

// queue waits until it is the turn of nc, which is false if ctx ends before.
func (b *Broker) queue(ctx context.Context, nc net.Conn) bool {
	most := b.config.ConnectRate
	if most == 0 {
		return true
	}
	wait, waited := b.rate.book(time.Now(), most)
	if wait == 0 {
		return true
	}
	if powerOfTwo(waited) {
		b.config.Logger.Warn("connection waits", "limit", "ConnectRate", "value", most,
			"remote", nc.RemoteAddr(), "wait", wait, "waited", waited)
	}
	b.pause(ctx, wait)
	return ctx.Err() == nil
}
