package broker

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"
)

// Shutdown ends all: it closes the listeners, ends all sessions but those that are
// stored, publishes their wills, those that are delayed too, to who is still there,
// and tells each client of 5.0 with DISCONNECT 0x8B, behind the messages that it can
// take without delay. If ctx ends before that is done, it closes the connections as they are,
// waits two seconds at most for what is still running, and returns the error of
// ctx, with why the Store cannot write if it cannot. A second Shutdown waits for the
// first.
func (b *Broker) Shutdown(ctx context.Context) error {
	conns, absent, wills := b.close()
	t := begin()
	for _, w := range wills {
		b.publishWill(w, t, nil)
	}
	for _, cl := range absent {
		b.endSession(cl, t)
	}
	t.end()
	b.endSubscribers()
	for _, c := range conns {
		c.kill(errShutdown)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.running.Wait()
		if b.journal != nil {
			b.journal.Close(ctx.Done())
		}
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for _, c := range conns {
		c.link.abort()
	}
	select {
	case <-done:
	case <-time.After(lingerTime):
	}
	if b.journal != nil {
		if trouble := b.journal.Trouble(); trouble != nil {
			return fmt.Errorf("broker: Store: %w: %w", trouble, ctx.Err())
		}
	}
	return ctx.Err()
}

// close lets nobody in any more, and gives those who are in, the sessions that
// nobody will come back to, and all wills.
func (b *Broker) close() (conns []*conn, absent []*client, wills []*testament) {
	b.mu.Lock()
	b.closed = true
	listeners := b.listeners
	b.listeners = make(map[net.Listener]bool)
	conns = slices.Clone(b.conns)
	for id, cl := range b.clients {
		if cl.out.Stored() { // it goes on with the next broker
			if cl.conn == nil {
				cl.rest()
			}
			continue
		}
		wills = append(wills, cl.takeWill())
		if cl.conn == nil {
			absent = append(absent, cl)
			delete(b.clients, id)
		}
	}
	for _, h := range b.loops.homes {
		h.Stop()
	}
	b.mu.Unlock()
	b.cancel()
	b.sweeper.stop()
	for ln := range listeners {
		ln.Close()
	}
	return conns, absent, wills
}
